/** Processes and threads that come and go, and what is left of them. */
import { assemble } from './assemble.js';
import { codeImage } from '../kernel/images.js';
import { KernelMachine } from './kernel-machine.js';

const GB = 2 ** 30;
const FRAMES = 1024;

/** What a machine holds. */
export interface Holdings {
  readonly framesInUse: number;
  readonly pagesStored: number;
  readonly published: number;
  readonly processes: number;
  readonly regions: number;
}

function holdings({ pool, store, kernel, space }: KernelMachine): Holdings {
  const { inUse, idle } = pool.counters;
  const { pagesStored, published } = store.counters;
  const [processes, regions] = [kernel.processes.live().length, space.regions.length];
  return { framesInUse: inUse - idle, pagesStored, published, processes, regions };
}

/** Makes a VMO, maps a part of it, writes to its stack, and exits with 5. */
const leaver = codeImage(
  assemble(`
    mov eax, 33
    mov edi, 8192
    vmcall
    mov rdi, rax
    mov eax, 41
    xor esi, esi
    xor edx, edx
    mov r10d, 4096
    mov r8d, 3
    vmcall
    mov [rax], rsp
    push rax
    xor eax, eax
    mov edi, 5
    vmcall
    jmp .`),
);

/** Starts `count` processes, up to ten at a time, and lets them end. */
export function churnProcesses(count: number): { readonly before: Holdings; readonly after: Holdings } {
  const machine = new KernelMachine({ frames: FRAMES, engine: 'auto' });
  const image = machine.store.fromBytes(leaver);
  void image.id;
  const before = holdings(machine);
  for (let started = 0; started < count; started++) {
    const process = machine.kernel.starts.start(image, { name: 'leaver', limitBytes: 32 * GB });
    if (started % 10 === 9 || started === count - 1) while (machine.kernel.run(1_000_000).kind !== 'idle');
    if (process.end && process.end.exitCode !== 5)
      throw new Error(`process ${started} ended with ${process.end.exitCode}`);
  }
  machine.check();
  return { before, after: holdings(machine) };
}

export interface ThreadChurn {
  readonly exitCode: number | undefined;
  readonly switches: number;
  readonly framesGrown: number;
}

/** A thread that spawns another one and waits for its end, so many times; each of them writes to its stack. */
export function churnThreads(count: number): ThreadChurn {
  const image = codeImage(
    assemble(`
      mov ebx, ${count}
   1: mov eax, 8
      lea rdi, [rip + 3f]
      mov esi, ebx
      mov edx, 16384
      vmcall
      mov rdi, rax
      mov rsi, -1
      mov eax, 10
      vmcall
      cmp eax, ebx
      jne 2f
      dec ebx
      jnz 1b
   2: mov edi, ebx
      xor eax, eax
      vmcall
      jmp .
   3: push rdi
      pop rax
      ret
      jmp .`),
  );
  const machine = new KernelMachine({ frames: FRAMES, engine: 'auto' });
  const process = machine.start(image, { name: 'spawner', limitBytes: GB });
  machine.kernel.run(2000);
  const { inUse } = machine.pool.counters;
  while (!process.end) {
    const { inUse } = machine.pool.counters;
    if (inUse > 64) throw new Error(`${inUse} frames are in use`);
    machine.kernel.run(100_000);
  }
  machine.check();
  return {
    exitCode: process.end?.exitCode,
    switches: machine.kernel.switches,
    framesGrown: Math.max(0, machine.pool.counters.inUse - inUse),
  };
}
