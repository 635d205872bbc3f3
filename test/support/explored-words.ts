/** Threads that wait for words and wake each other, or publish a name: test/kernel/programs/words.c, explored. */
import { fileURLToPath } from 'node:url';
import { writeStateOf } from '../../src/state/digest.js';
import { StateWriter } from '../../src/state/state-writer.js';
import { explore, type ExploredMachine, type StateGraph } from './explorer.js';
import { compiled } from './guest-programs.js';

const source = fileURLToPath(new URL('../../../test/kernel/programs/words.c', import.meta.url));

/** What its threads have in common. */
export interface Shared {
  /** Threads that have something to themselves. */
  readonly inside: number;
  /** Threads that are done. */
  readonly done: number;
  /** What name_publish answered, by thread; 1 for nothing yet. */
  readonly answers: readonly bigint[];
}

function sharedOf({ machine, shared }: ExploredMachine): Shared {
  const view = new DataView(machine.kernel.memory.peek(shared, 32).slice().buffer);
  const answers = [view.getBigInt64(16, true), view.getBigInt64(24, true)];
  return { inside: view.getUint32(4, true), done: view.getUint32(8, true), answers };
}

/** Explores words.c as it is compiled with these options. */
export async function exploreWords(
  options: string[],
  check: (shared: Shared) => void = () => {},
  stateOf?: (machine: ExploredMachine) => string,
): Promise<StateGraph> {
  const image = await compiled(source, { compilerOptions: options.map((option) => `-D${option}`) });
  return explore({
    image,
    limitBytes: 2 ** 20,
    check: (machine) => check(sharedOf(machine)),
    ...(stateOf && { stateOf }),
  });
}

/** What a program may do that publishes: its names and handles. */
export function namesAndHandles({ machine, process }: ExploredMachine): string {
  const out = new StateWriter();
  writeStateOf(machine.kernel.names.own!, out);
  writeStateOf(process.handles, out);
  return Buffer.from(out.written).toString('latin1');
}

/** Throws where a mutex is had by two. */
export function atMostOneInside({ inside }: Shared): void {
  if (inside > 1) throw new Error(`${inside} threads have it to themselves`);
}
