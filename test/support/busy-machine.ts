/** Machines with much going on: several processes, of which some are in debug mode, calls that wait, and input that nobody has read. */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Computer, MemoryNames, type Console, type Process } from '../../src/index.js';
import { HostRoot } from '../../src/host/linux/host-root.js';
import { compiled, guestImage, sha256 } from './guest-programs.js';
import { linuxProgram } from './linux-programs.js';
import { Random } from './random.js';
import type { EngineOptions } from './side-by-side.js';
import { images, programs } from './snapshot-programs.js';

const MIB = 2 ** 20;
const LIMIT_BYTES = 1024 * MIB;
const LINE = 'a line that somebody typed\n';
/** Typed bytes of which no more come before somebody has read them. */
const TYPED_BYTES_MAX = 100;
const longCalls = await compiled(fileURLToPath(new URL('../../../test/state/long-calls.c', import.meta.url)));
const linuxSource = fileURLToPath(new URL('../../../test/state/linux-objects.c', import.meta.url));
const linuxObjects = new Uint8Array(readFileSync(await linuxProgram(linuxSource, ['-pthread'])));
const STEPS_MAX = 10_000;
const readers = [
  await guestImage('cat'),
  await compiled(fileURLToPath(new URL('../../../guest/tests/console_mode.c', import.meta.url))),
] as const;

export interface BusyMachine {
  readonly computer: Computer;
  readonly story: string;
}

/**
 * A machine with three of the programs that check each kernel call, one that makes long calls, and two that read what is typed.
 */
export function busyMachine(random: Random, engine: EngineOptions): BusyMachine {
  const isTerminal = random.chance(2);
  const memoryBytes = random.pick([3, 4, 8]) * MIB;
  const inputSeed = random.next();
  // What comes depends on the machine's state alone, so that it comes again after going back.
  const console: Console = {
    isTerminal,
    write: () => {},
    read: (max) => {
      const { console } = computer.parts.kernel;
      const chances = new Random(inputSeed ^ computer.ticks);
      if (console['arrived'].length > TYPED_BYTES_MAX || !chances.chance(4)) return undefined;
      return new TextEncoder().encode(
        LINE.repeat(chances.pick([1, 1, 200])).slice(0, Math.min(max, 1 + chances.below(6000))),
      );
    },
  };
  const computer: Computer = new Computer({
    ...engine,
    ...{ memoryBytes, sha256, console },
    hooks: { onSpuriousWrite: () => 'allow' },
    names: (store) => {
      const names = new MemoryNames(store);
      for (const [name, bytes] of images) {
        const vmo = store.fromBytes(bytes);
        names.publish(name, vmo, 'anything');
        vmo.close();
      }
      return names;
    },
  });
  const story = [`${memoryBytes / MIB} MiB${isTerminal ? ', a terminal' : ''}`];
  for (const image of readers) computer.start(image, { name: 'reader', limitBytes: LIMIT_BYTES });
  computer.start(longCalls, { name: 'long', limitBytes: LIMIT_BYTES });
  for (let left = 3; left > 0; left--) {
    const name = random.pick(programs);
    const debugMode = random.chance(2);
    computer.start(images.get(name)!, { name, limitBytes: LIMIT_BYTES, debugMode });
    story.push(debugMode ? `${name} in debug mode` : name);
  }
  return { computer, story: story.join(', ') };
}

/** A machine with one program of Linux, which has made objects of every kind in several processes. */
export function busyLinuxMachine(
  random: Random,
  engine: EngineOptions,
  isTerminal: boolean = random.chance(2),
): BusyMachine {
  const computer = new Computer({
    ...engine,
    ...{ memoryBytes: 16 * MIB, sha256 },
    console: { isTerminal, write: () => {}, read: () => undefined },
    linuxRoot: (store) => new HostRoot(store, dirname(linuxSource)),
    hooks: { onSpuriousWrite: () => 'allow' },
  });
  const argv = ['linux-objects'];
  const debugMode = random.chance(2);
  computer.start(linuxObjects, { name: argv[0]!, argv, limitBytes: LIMIT_BYTES, debugMode, linux: {} });
  return { computer, story: `objects of Linux${isTerminal ? ', a terminal' : ''}` };
}

/** Runs for some ticks, as far as programs are there. */
export function runBusy({ computer }: BusyMachine, ticks: number): void {
  const end = computer.ticks + ticks;
  for (;;) {
    const program: Process | undefined = computer.programs[0];
    if (!program || computer.ticks >= end) return;
    const { kind } = computer.run(program, { maxTicks: end - computer.ticks });
    if (kind === 'waiting') computer.passTime(computer.ticks + 1);
  }
}

/** Runs until a thread is in the middle of a call for which `isWanted` is true, or for about a million ticks. */
export function runToCall(machine: BusyMachine, isWanted: (work: object) => boolean): void {
  const { kernel } = machine.computer.parts;
  for (let steps = 0; steps < STEPS_MAX && machine.computer.programs.length > 0; steps++) {
    if ([...kernel['threads']['byTid'].values()].some(({ pending }) => pending?.work && isWanted(pending.work))) return;
    runBusy(machine, 1 + (steps % 200));
  }
}
