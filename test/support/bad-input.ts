/** What must hold of a machine whatever it is given to run. */
import type { StartOptions } from '../../src/kernel/program/loader.js';
import { Computer, KernelError } from '../../src/index.js';
import { badImage, specimenOf, type BadImage, type Specimen } from './bad-images.js';
import { guestImage, NOTHING_YET, ScriptedConsole, sha256, type InputPiece } from './guest-programs.js';
import { randomProgram, type InstructionPool } from './random-programs.js';
import { Random } from './random.js';
import { ENGINES, type EngineOptions, type SideBySide } from './side-by-side.js';

/** One thing to run. It follows from seed and number alone. */
export interface BadCase extends BadImage {
  readonly options: StartOptions;
  readonly input: readonly InputPiece[];
}

export type Kind = 'image' | 'program';

const ARGUMENTS = [[], ['guest'], ['guest', '3'], ['', 'ä'.repeat(50)], ['guest', 'x'.repeat(3000)]];
/** Regions that are too small, usual ones, one that reaches up to the canonical hole, and one that is too large. */
const TO_THE_HOLE = 2 ** 47 - 2 ** 32 - 4096;
const IMAGE_LIMITS = [16_384, 65_536, 2 ** 20, 2 ** 20, 2 ** 30, 2 ** 30, 2 ** 30, 2 ** 36, TO_THE_HOLE, 2 ** 47];
const PROGRAM_LIMITS = [2 ** 17, 2 ** 20, 2 ** 30, TO_THE_HOLE];

/** Good images of several kinds, without what no loader looks at. */
export async function specimens(): Promise<Specimen[]> {
  const builds: [name: string, options: string[]][] = [
    ['hello_world', []],
    ['cat', []],
    ['relocations', []],
    ['relocations', ['-no-pie', '-Wl,-Ttext-segment=0x400000']],
    ['relocations', ['-Wl,-z,pack-relative-relocs']],
  ];
  return Promise.all(
    builds.map(async ([name, options]) => {
      const image = await guestImage(name, { compilerOptions: ['-s', ...options] });
      return specimenOf([name, ...options].join(' '), image);
    }),
  );
}

/** Makes the cases of a run. */
export class BadCases {
  constructor(
    private readonly seed: number,
    private readonly specimens: readonly Specimen[],
    private readonly pool: InstructionPool,
  ) {}

  make(kind: Kind, number: number): BadCase {
    const random = new Random((Math.imul(this.seed, 0x2545_f491) + number * 2 + Number(kind === 'image')) | 0);
    const limitBytes = random.pick(kind === 'image' ? IMAGE_LIMITS : PROGRAM_LIMITS);
    const argv = random.pick(ARGUMENTS);
    const { bytes, story } =
      kind === 'image' ? badImage(this.specimens, random) : randomProgram(this.pool, limitBytes, random);
    return {
      bytes,
      story: `seed ${this.seed}, ${kind} ${number}, ${story}; region of ${limitBytes} bytes`,
      options: { name: 'bad', limitBytes, argv },
      input: Array.from({ length: random.below(5) }, () => inputPiece(random)),
    };
  }
}

function inputPiece(random: Random): InputPiece {
  return random.chance(3) ? NOTHING_YET : Uint8Array.from({ length: random.below(5000) }, () => random.next());
}

/** Time passes to the next deadline where it is at most so many ticks away; else the input arrives. */
const LONGEST_WAIT_TICKS = 1e9;
const MAX_WAITS = 20;

/** How cases end: `refused`, or the kind of the last outcome. */
export type Tally = Map<string, number>;

/** A machine that runs one case after another. */
export class Victim {
  private readonly console = new ScriptedConsole([], 0);
  private readonly computer: Computer;
  private calls = 0;
  private faults = 0;
  readonly tally: Tally = new Map();

  constructor(
    memoryBytes: number,
    private readonly maxTicks: number,
    engine: EngineOptions = ENGINES.interpreter,
  ) {
    this.computer = new Computer({
      ...engine,
      memoryBytes,
      sha256,
      console: this.console,
      hooks: { onKernelCall: () => this.count(++this.calls), onFault: () => this.count(++this.faults) },
    });
  }

  /** Runs a case, whatever becomes of it. Throws where the machine is not what it was before. */
  run(badCase: BadCase): void {
    const { computer } = this;
    try {
      this.console.restart(badCase.input);
      const outcome = this.outcomeOf(badCase);
      this.tally.set(outcome, (this.tally.get(outcome) ?? 0) + 1);
      requireEmpty(computer);
    } catch (error) {
      throw new Error(`${badCase.story}: ${(error as Error).message}`, { cause: error });
    }
  }

  private outcomeOf({ bytes, options }: BadCase): string {
    const { computer, maxTicks } = this;
    const start = computer.ticks;
    let waited = 0;
    this.calls = this.faults = 0;
    const process = startOrRefuse(computer, bytes, options);
    if (process === undefined) return 'refused';
    for (let waits = 0; ; waits++) {
      const outcome = computer.run(process, { maxTicks: maxTicks - (computer.ticks - start - waited) });
      const used = computer.ticks - start - waited;
      if (used > maxTicks) throw new Error(`${used} ticks were used, of ${maxTicks}`);
      if (outcome.kind === 'waiting' && waits < MAX_WAITS) {
        this.console.inputArrives();
        if (outcome.until - computer.ticks > LONGEST_WAIT_TICKS) continue;
        waited += outcome.until - computer.ticks;
        computer.passTime(outcome.until);
        continue;
      }
      computer.kill(process, 0);
      return outcome.kind;
    }
  }

  /** What takes no time would never come to the limit: each call and each fault costs a tick, or ends the run. */
  private count(events: number): void {
    if (events > this.maxTicks + 2 * MAX_WAITS) throw new Error(`${events} events in ${this.maxTicks} ticks`);
  }
}

function startOrRefuse(
  computer: Computer,
  bytes: Uint8Array,
  options: StartOptions,
): ReturnType<Computer['start']> | undefined {
  try {
    return computer.start(bytes, options);
  } catch (error) {
    if (error instanceof KernelError && !error.message.includes('\n')) return undefined;
    throw error;
  }
}

/** The tables, besides the root, through which a single page of the kernel's own is mapped. */
const TABLES_OF_A_PAGE = 3;

/**
 * Throws where something is left of a process that has ended. The kernel page is a VMO of its own in a region of its own,
 * which takes a frame from the time when somebody has touched it.
 */
function requireEmpty(computer: Computer): void {
  const { frames, vmos } = computer.statistics;
  const { regions } = computer['kernel'].space;
  const kernelFrames = regions[0]?.residentPages ?? 0;
  const left = {
    'private frames': frames.private,
    'page tables besides the root': frames.tables - 1 - kernelFrames * TABLES_OF_A_PAGE,
    'clean frames that somebody uses': frames.clean - frames.idle - kernelFrames,
    'VMO pages besides the kernel page': vmos.pagesStored - 1,
    'published VMOs besides it': vmos.published - 1,
    'regions besides its': regions.length - 1,
  };
  for (const [what, count] of Object.entries(left)) if (count !== 0) throw new Error(`${count} ${what} are left`);
}

/** Runs a case in slices on machines side by side; throws where they are not the same after one of them. */
export function runSideBySide(machines: SideBySide, badCase: BadCase, sliceTicks: readonly number[]): void {
  const { bytes, options, input, story } = badCase;
  try {
    machines.restartConsole(input);
    if (machines.start(bytes, options) !== undefined) return;
    for (const ticks of sliceTicks) {
      const outcome = machines.run(ticks, ticks === Math.max(...sliceTicks));
      if (outcome.kind === 'exited' || outcome.kind === 'trapped') break;
      if (outcome.kind !== 'waiting') continue;
      const isNear = outcome.until - machines.computer.ticks <= LONGEST_WAIT_TICKS;
      machines.endWaiting(isNear ? outcome.until : undefined);
    }
    machines.kill();
    machines.compare();
  } catch (error) {
    throw new Error(`${story}: ${(error as Error).message}`, { cause: error });
  }
}
