/** VMCALL and SYSCALL leave the CPU; a known one is skipped only as long as it is still there, and is enabled. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Engine } from '../../src/cpu/cpu.js';
import { R11, RAX, RCX } from '../../src/cpu/state/layout.js';
import { EFER_NXE, EFER_SCE } from '../../src/mmu/entry.js';
import { compileGuest } from '../../src/host/toolchain/guest-compiler.js';
import { runGuest } from '../support/guest-programs.js';
import { ALL_ENGINES } from '../support/side-by-side.js';
import { READ_ONLY, smallMachine, type SmallMachine } from './translator/small-machine.js';

const directory = mkdtempSync(join(tmpdir(), 'bd0-vmcalls-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));

/**
 * Calls generated code, 100 times each: thread_self by VMCALL, which returns 1; the same place with other bytes; the
 * same address with another page; and the VMCALL again. The code begins at two places in the page: in the middle, and
 * such that the VMCALL crosses the end.
 */
const program = `
#include <bd0.h>
#include <stdio.h>
#include <string.h>

enum { PAGE = 4096, BYTES = 2 * PAGE };

/* mov eax, 11; vmcall; ret */
static const unsigned char call[] = {0xb8, 11, 0, 0, 0, 0x0f, 0x01, 0xc1, 0xc3};
/* lea eax, [rax + 66] in the place of VMCALL: 77 */
static const unsigned char other[] = {0x8d, 0x40, 66};

static long sum(unsigned char *code) {
  long all = 0;
  for (int i = 0; i < 100; i++) all += ((int (*)(void))code)();
  return all;
}

static unsigned char *map(int64_t handle, void *at) {
  return (unsigned char *)bd0_vmo_map(handle, 0, at, BYTES, BD0_READ | BD0_WRITE | BD0_EXECUTE);
}

static int64_t page_of(size_t where, const unsigned char *bytes) {
  static unsigned char content[BYTES];
  memset(content, 0xcc, sizeof content);
  memcpy(content + where, call, sizeof call);
  if (bytes) memcpy(content + where + 5, bytes, 3);
  return bd0_vmo_create(content, sizeof content);
}

int main(void) {
  const size_t places[] = {64, PAGE - 7, PAGE - 8};
  for (int i = 0; i < 3; i++) {
    size_t where = places[i];
    int64_t calls = page_of(where, NULL), others = page_of(where, other);
    unsigned char *code = map(calls, NULL);
    printf("%ld", sum(code + where));
    memcpy(code + where + 5, other, 3);
    printf(" %ld", sum(code + where));
    memcpy(code + where, call, sizeof call);
    printf(" %ld", sum(code + where));
    bd0_vmo_unmap(code, BYTES);
    printf(" %d", map(others, NULL) == code);
    printf(" %ld", sum(code + where));
    bd0_vmo_unmap(code, BYTES);
    printf(" %d", map(calls, NULL) == code);
    printf(" %ld\\n", sum(code + where));
    bd0_vmo_unmap(code, BYTES);
  }
  return 0;
}
`;

t.test('changed code and mappings take effect, on every engine', async (t) => {
  const source = join(directory, 'program.c');
  writeFileSync(source, program);
  await compileGuest({ sources: [source], output: join(directory, 'program') });
  const image = new Uint8Array(readFileSync(join(directory, 'program')));
  const expected = '100 7700 100 1 7700 1 100\n'.repeat(3);
  for (const [name, engine] of Object.entries(ALL_ENGINES)) {
    const { output, exitCode } = await runGuest(Promise.resolve(image), engine);
    t.strictSame([output.toString(), exitCode], [expected, 0], name);
  }
});

const CODE = 0x10_0000n;
/** A frame that no page table uses. */
const FRAME = 0x2_0000;

/** inc eax (2 bytes), the instructions, jmp to the start: at the start of a page. */
function loopMachine(engine: Engine, threshold: number, instructions: readonly number[]): SmallMachine {
  const machine = smallMachine(engine, threshold);
  const { cpu, memory, tables } = machine;
  tables.map(CODE, FRAME, READ_ONLY);
  memory.ram.set([0xff, 0xc0, ...instructions, 0xeb, -4 - instructions.length], FRAME);
  cpu.linearMemory.stored(FRAME, 64);
  cpu.state.rip = CODE;
  return machine;
}

const MACHINES: readonly (readonly [Engine, threshold: number])[] = [
  ['evaluator', 0],
  ['interpreter', 0],
  ['auto', 0],
  ['auto', 1000],
];

for (const [engine, threshold] of MACHINES)
  t.test(`SYSCALL leaves ${engine} (${threshold}) where EFER.SCE is set, and is #UD where not`, (t) => {
    // With REX.W as well, which has no effect.
    for (const syscall of [
      [0x0f, 0x05],
      [0x48, 0x0f, 0x05],
    ]) {
      const { cpu } = loopMachine(engine, threshold, syscall);
      const { state, mmu } = cpu;
      state.rflags = 0x246n;
      const after = CODE + 2n + BigInt(syscall.length);
      for (let round = 1; round <= 3; round++) {
        mmu.setEfer(EFER_NXE);
        state.rip = CODE;
        const start = cpu.ticks;
        t.match(cpu.run(100), { kind: 'exception', exception: { vector: 6 }, trap: false });
        t.strictSame([state.rip, cpu.ticks - start], [CODE + 2n, 2]);
        mmu.setEfer(EFER_NXE | EFER_SCE);
        for (let call = 1; call <= 50; call++) {
          const before = cpu.ticks;
          t.strictSame(cpu.run(100), { kind: 'syscall' });
          t.strictSame([state.rip, cpu.ticks - before], [after, call === 1 ? 1 : 3]);
        }
      }
      t.strictSame([state.gpr(RAX), state.gpr(RCX), state.gpr(R11)], [150n, 0n, 0n], 'registers are left alone');
      t.equal(state.rflags, 0x206n);
    }
    t.end();
  });

t.test('a known VMCALL is passed with its prefixes', (t) => {
  const { cpu } = loopMachine('interpreter', 0, [0x48, 0x0f, 0x01, 0xc1]);
  for (let call = 0; call < 5; call++) {
    t.strictSame(cpu.run(100), { kind: 'vmcall' });
    t.equal(cpu.state.rip, CODE + 6n);
  }
  t.end();
});
