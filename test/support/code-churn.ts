/**
 * `code-churn SCENARIO SECONDS`: a machine whose guest makes new code all the time. Tells on stdout, a line of JSON each
 * time, how many modules have been compiled and how much memory the process has, garbage collected.
 */
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { Computer, type Process } from '../../src/index.js';
import { makeImage } from '../kernel/images.js';
import { assemble } from './assemble.js';
import { sha256 } from './guest-programs.js';
import { memoryInUse } from './memory-in-use.js';

export interface ChurnSample {
  readonly modulesInAll: number;
  readonly modules: number;
  readonly wasmBytes: number;
  readonly heap: number;
  readonly resident: number;
}

/** Small enough to be used up in seconds. */
export const CHURN_BUDGET_BYTES = 4 * 2 ** 20;
const MEMORY_BYTES = 2 ** 24;
const LIMIT_BYTES = 2 ** 22;
/** Modules between two samples. */
const MODULES_A_SAMPLE = 500;
const TICKS_A_TURN = 100_000;

/** Writes functions of 40 additions with new constants, in eight pages by turns, from number %rbx on, and calls each. */
const CHURN = `
start:
  lea rdi, buffer[rip]
next:
  mov rdx, rdi
  mov ecx, 40
write:
  mov byte ptr [rdx], 0x05
  lea esi, [rbx + rcx]
  mov [rdx + 1], esi
  add rdx, 5
  dec ecx
  jnz write
  mov byte ptr [rdx], 0xc3
  mov ecx, 10
again:
  call rdi
  dec ecx
  jnz again
  add ebx, 0x101
  lea rdi, [rdi + 0x1000]
  lea rdx, buffer[rip + 0x8000]
  cmp rdi, rdx
  jb next
  jmp start
  .balign 0x1000
buffer:
  .skip 0x8000
`;

/** Code that writes itself; started with a number in its image, from which constants begin. */
function churnImage(seed: number): Uint8Array {
  // MOV EBX, seed
  const first = Uint8Array.from([0xbb, seed & 255, (seed >> 8) & 255, (seed >> 16) & 255, 0]);
  const bytes = new Uint8Array(churnCode.length + first.length);
  bytes.set(first);
  bytes.set(churnCode, first.length);
  return makeImage({ entry: 0, loads: [{ address: 0, bytes }] });
}

const churnCode = assemble(CHURN.replace('start:', '.skip 5\nstart:')).subarray(5);

/** What a scenario does in a turn. */
const SCENARIOS: Readonly<Record<string, (computer: Computer) => () => void>> = {
  /** One process that makes code for ever. */
  'one process': (computer) => {
    const process = start(computer, 1);
    return () => run(computer, process);
  },
  /** Processes that differ, each stopped after a while. */
  'many processes': (computer) => {
    let seed = 0;
    return () => {
      const process = start(computer, (seed += 0x51));
      run(computer, process);
      computer.kill(process, 0);
    };
  },
};

export const CHURN_SCENARIOS = Object.keys(SCENARIOS);

function start(computer: Computer, seed: number): Process {
  return computer.start(churnImage(seed), { name: 'churn', limitBytes: LIMIT_BYTES });
}

function run(computer: Computer, process: Process): void {
  const { kind } = computer.run(process, { maxTicks: TICKS_A_TURN });
  if (kind !== 'limit') throw new Error(`the guest ended: ${kind}`);
}

function churn(scenario: string, seconds: number): void {
  const options = { memoryBytes: MEMORY_BYTES, translationThreshold: 0, codeBudgetBytes: CHURN_BUDGET_BYTES, sha256 };
  const computer = new Computer(options);
  const turn = SCENARIOS[scenario]!(computer);
  const end = performance.now() + seconds * 1000;
  let next = MODULES_A_SAMPLE;
  while (performance.now() < end) {
    turn();
    const { modulesInAll, modules, wasmBytes } = computer.statistics.translation!;
    if (modulesInAll < next) continue;
    next = modulesInAll + MODULES_A_SAMPLE;
    const sample: ChurnSample = { modulesInAll, modules, wasmBytes, ...memoryInUse() };
    console.log(JSON.stringify(sample));
  }
}

const [program, scenario, seconds] = process.argv.slice(1);
if (program === fileURLToPath(import.meta.url)) churn(scenario!, Number(seconds));
