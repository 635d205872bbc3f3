/** Machines in which several programs run at once, drawn from a seed, and what they are after so many ticks. */
import { Decoder } from '../../src/cpu/decode/decoder.js';
import { Computer, MemoryNames, type MachineStop, type NameSpace, type Process } from '../../src/index.js';
import type { VmoStore } from '../../src/vmo/store.js';
import { ET_EXEC } from '../kernel/images.js';
import { fuzzImage, tinyImage } from './call-fuzz.js';
import { ScriptedConsole, guestImage, sha256 } from './guest-programs.js';
import { InstructionPool, randomProgram } from './random-programs.js';
import { Random } from './random.js';
import { machineDifferences } from './same-machines.js';
import type { EngineOptions } from './side-by-side.js';

const MIB = 2 ** 20;

/** The offset of e_type in an ELF header. */
const E_TYPE = 16;
const LIMIT = 8 * MIB;

/** Guest programs, with arguments that make them run for a while. */
const GUESTS: readonly (readonly [name: string, ...args: string[]])[] = [
  ['qsort', '3000'],
  ['sieve', '50000'],
  ['fib', '22'],
  ['heap'],
  ['nbody', '3000'],
  ['sha256'],
  ['cat'],
  ['echo', 'a', 'b'],
  ['deepstack'],
  ['sparse'],
];

interface Program {
  readonly name: string;
  readonly image: Uint8Array;
  readonly argv: readonly string[];
}

/** What a machine was when its time had come to a tick. */
export interface Milestone {
  readonly tick: number;
  readonly machineHash: string;
  readonly outputBytes: number;
  readonly processes: number;
}

/** A machine at a milestone. */
interface Progress {
  readonly computer: Computer;
  readonly milestone: Milestone;
}

/** What a debugger does to a machine while it runs. */
export interface Meddling {
  beforeSlice(computer: Computer, random: Random): void;
  stopped(computer: Computer, random: Random, stop: MachineStop): void;
}

/** The arguments of a run. */
export type MixedRun = readonly [
  engine: EngineOptions,
  slicesSeed: number,
  ticks: number,
  every: number,
  meddling?: Meddling,
];

/** One to four programs that run side by side. */
export class MixedPrograms {
  private static pool: InstructionPool | undefined;

  private constructor(
    private readonly seed: number,
    private readonly programs: readonly Program[],
    private readonly fuzz: Uint8Array,
  ) {}

  static async of(seed: number): Promise<MixedPrograms> {
    const random = new Random(seed);
    const programs: Program[] = [];
    for (let left = 1 + random.below(4); left > 0; left--) {
      const program = await anyProgram(random);
      if (!isFixed(program) || !programs.some(isFixed)) programs.push(program);
    }
    return new MixedPrograms(seed, programs, fuzzImage(random));
  }

  static get instructions(): InstructionPool {
    return (this.pool ??= new InstructionPool(new Decoder(), new Random(1)));
  }

  get story(): string {
    return `seed ${this.seed}: ${this.programs.map(({ name, argv }) => [name, ...argv.slice(1)].join(' ')).join(', ')}`;
  }

  /** Runs them until nobody is left, or to a tick, in slices drawn from `slicesSeed`. */
  run(...run: MixedRun): Milestone[] {
    return Array.from(this.progress(...run), ({ milestone }) => milestone);
  }

  /** How the machines of two runs differ at the first milestone at which they do, a line each. */
  differences(expected: MixedRun, actual: MixedRun): string {
    const others = this.progress(...actual);
    for (const { computer, milestone } of this.progress(...expected)) {
      const { value: other } = others.next() as IteratorResult<Progress, undefined>;
      if (!other) return `no milestone at tick ${milestone.tick}`;
      const lines = machineDifferences(computer, other.computer);
      if (lines.length > 0) return [`at tick ${milestone.tick}:`, ...lines].join('\n');
    }
    return 'the machines are equal at all milestones when the runs are repeated';
  }

  private *progress(...[engine, slicesSeed, ticks, every, meddling]: MixedRun): Generator<Progress, undefined> {
    const random = new Random(slicesSeed);
    const console = new ScriptedConsole(
      [new Random(this.seed).bits64().toString(36), '\n'].map((text) => Buffer.from(text)),
    );
    const computer = new Computer({
      ...engine,
      memoryBytes: 2 * MIB,
      sha256,
      console,
      names: (store) => this.names(store),
    });
    for (const { name, image, argv } of this.programs) computer.start(image, { name, argv, limitBytes: LIMIT });
    for (let tick = every; tick <= ticks && live(computer).length > 0; tick += every) {
      while (computer.ticks < tick && runSlice(computer, random, tick, meddling));
      const machineHash = computer.machineHash();
      const processes = live(computer).length;
      const milestone = { tick: computer.ticks, machineHash, outputBytes: console.output.length, processes };
      yield { computer, milestone };
    }
    return undefined;
  }

  private names(store: VmoStore): NameSpace {
    const names = new MemoryNames(store);
    for (const [name, bytes] of [
      ['fuzz', this.fuzz],
      ['tiny', tinyImage],
    ] as const) {
      const vmo = store.fromBytes(bytes);
      names.publish(name, vmo, 'anything');
      vmo.close();
    }
    return names;
  }
}

function live(computer: Computer): Process[] {
  return computer['kernel'].processes.live();
}

/** Runs for some ticks, at most to `tick`. False where nobody is left. */
function runSlice(computer: Computer, random: Random, tick: number, meddling: Meddling | undefined): boolean {
  const [process] = live(computer);
  if (!process) return false;
  const size = random.pick([1, 20, 1000, 30_000, 1e9]);
  meddling?.beforeSlice(computer, random);
  const outcome = computer.run(process, { maxTicks: Math.min(tick - computer.ticks, 1 + random.below(size)) });
  if (outcome.kind === 'stopped') meddling!.stopped(computer, random, outcome.stop);
  if (outcome.kind === 'waiting') computer.kill(process, 9);
  return true;
}

/** Whether a program runs at a fixed address, as one at a time can. */
function isFixed({ image }: Program): boolean {
  return image[E_TYPE] === ET_EXEC;
}

async function anyProgram(random: Random): Promise<Program> {
  switch (random.below(5)) {
    case 0:
    case 1: {
      const [name, ...args] = random.pick(GUESTS);
      return { name, image: await guestImage(name), argv: [name, ...args] };
    }
    case 2:
      return { name: 'fuzz', image: fuzzImage(random), argv: ['fuzz'] };
    default: {
      const { bytes, story } = randomProgram(MixedPrograms.instructions, LIMIT, random);
      return { name: 'random', image: bytes, argv: ['random', story] };
    }
  }
}
