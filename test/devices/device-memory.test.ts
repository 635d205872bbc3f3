/** Devices in memory: every access of an instruction reaches a device once, with its address and width, on every engine. */
import t from 'tap';
import { Board } from '../../src/board.js';
import type { Engine } from '../../src/cpu/cpu.js';
import { enterLongMode } from '../../src/boot/entry.js';
import { writeIdentityMap } from '../../src/boot/identity-map.js';
import { MemoryBus, type MemoryDevice } from '../../src/devices/memory-bus.js';
import { sha256 } from '../../src/host/sha256.js';
import { assemble } from '../support/assemble.js';

const MEMORY_BYTES = 4 * 2 ** 20;
const CODE = 0x10_0000;
const TABLES = 0x1_0000;
const DEVICE = 0x4000_0000;

/** Runs code, which ends with HLT, with a device that answers each read with its offset. Returns what the device sees. */
function accessesOf(engine: Engine, code: Uint8Array): { readonly log: string[]; readonly board: Board } {
  const log: string[] = [];
  const board = new Board({ memoryBytes: MEMORY_BYTES, engine, translator: { threshold: 0 }, sha256, send: () => {} });
  const device: MemoryDevice = {
    readMemory: (offset, bytes) => {
      log.push(`read ${offset.toString(16)} ${bytes}`);
      return offset;
    },
    writeMemory: (offset, bytes, value) => log.push(`write ${offset.toString(16)} ${bytes} ${value.toString(16)}`),
  };
  const bus = new MemoryBus();
  bus.connect({ base: DEVICE, bytes: 0x4000, device });
  board.cpu.bare!.connect(bus);
  writeIdentityMap(board.memory, TABLES);
  board.memory.ram.set(code, CODE);
  enterLongMode(board, { rip: CODE, rsi: 0, tables: TABLES });
  t.equal(board.run(10_000).kind, 'halted');
  return { log, board };
}

const CASES: readonly (readonly [what: string, source: string, log: readonly string[]])[] = [
  [
    'loads of every width',
    'mov al,[rbx+1]; mov ax,[rbx+2]; mov eax,[rbx+4]; mov rax,[rbx+8]',
    ['read 1 1', 'read 2 2', 'read 4 4', 'read c 4', 'read 8 4'],
  ],
  [
    'stores of every width',
    'mov byte ptr [rbx+1],0x11; mov word ptr [rbx+2],0x2222; mov dword ptr [rbx+4],0x44444444; mov qword ptr [rbx+8],-2',
    ['write 1 1 11', 'write 2 2 2222', 'write 4 4 44444444', 'write 8 4 fffffffe', 'write c 4 ffffffff'],
  ],
  ['an instruction that reads and writes', 'add dword ptr [rbx+0x10],5', ['read 10 4', 'write 10 4 15']],
  ['LOCK', 'mov eax,1; lock xadd [rbx+0x20],eax', ['read 20 4', 'write 20 4 21']],
  ['XCHG', 'mov eax,7; xchg [rbx+0x24],eax', ['read 24 4', 'write 24 4 7']],
  [
    'CMPXCHG that fails writes what it read',
    'xor eax,eax; lock cmpxchg [rbx+0x28],ecx',
    ['read 28 4', 'write 28 4 28'],
  ],
  [
    'an unaligned load is made byte by byte',
    'mov eax,[rbx+0x31]',
    ['read 34 1', 'read 33 1', 'read 32 1', 'read 31 1'],
  ],
  ['a load across a page', 'mov ax,[rbx+0xfff]', ['read 1000 1', 'read fff 1']],
  [
    'PUSH and POP',
    'lea rsp,[rbx+0x100]; push 1; pop rax; mov esp,0x8000',
    ['write f8 4 1', 'write fc 4 0', 'read fc 4', 'read f8 4'],
  ],
  ['from a device to a device', 'lea rsi,[rbx+0x40]; lea rdi,[rbx+0x80]; movsd', ['read 40 4', 'write 80 4 40']],
  [
    'REP, an access an iteration',
    'mov ecx,3; mov eax,9; lea rdi,[rbx+0x200]; rep stosw',
    ['write 200 2 9', 'write 202 2 9', 'write 204 2 9'],
  ],
  [
    'a comparison and a jump',
    'cmp dword ptr [rbx+0x50],0x50; jne 1f; mov byte ptr [rbx],1; 1:',
    ['read 50 4', 'write 0 1 1'],
  ],
  ['a loop', 'mov ecx,3; 1: mov eax,[rbx+rcx*4]; loop 1b', ['read c 4', 'read 8 4', 'read 4 4']],
  ['nothing there', 'mov eax,[rbx+0x8000]; mov [rbx+0x8000],eax; mov [rbx],eax', ['write 0 4 ffffffff']],
];

t.test('each access reaches the device once', async (t) => {
  for (const [what, source, expected] of CASES) {
    const code = assemble(`mov ebx,0x40000000; mov esp,0x8000; ${source}; cli; hlt`);
    const runs = (['evaluator', 'interpreter', 'auto'] as const).map((engine) => accessesOf(engine, code));
    for (const { log } of runs) t.same(log, expected, what);
    t.equal(new Set(runs.map(({ board }) => board.machineHash())).size, 1, `${what}: the same machine`);
  }
});
