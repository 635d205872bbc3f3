/** Decoded pages that are no longer mapped are kept as long as they are useful, but not indefinitely. */
import t from 'tap';
import { PAGE_SIZE } from '../../src/bits.js';
import { RAX, RCX } from '../../src/cpu/state/layout.js';
import { PRESENT } from '../../src/mmu/entry.js';
import { READ_ONLY, smallMachine, type SmallMachine } from './translator/small-machine.js';

const CODE = 0x10_0000n;
const PAGE = BigInt(PAGE_SIZE);
/** Frames that no page table uses. */
const FRAMES = 0x2_0000;
const INT3 = 0xcc;
const VMCALL = [0x0f, 0x01, 0xc1];
/** Number of linear pages that a test uses. */
const PLACES = 8;

const blocksOf = ({ cpu }: SmallMachine) => cpu['records']!['blocks'];
/** Linear pages with kept decoded pages that are not live. */
const kept = (machine: SmallMachine): number => blocksOf(machine)['pages']['kept'].size;

/** Maps a page like a kernel that knows that its PTE maps no other page; unmaps it if the frame is undefined. */
function remap({ cpu, memory, tables }: SmallMachine, linear: bigint, frame: number | undefined): void {
  const address = tables.entryAddress(linear);
  memory.write64(address, frame === undefined ? 0n : BigInt(frame) | READ_ONLY | BigInt(PRESENT));
  cpu.linearMemory.pteStored(address, Number(linear >> 32n), Number(BigInt.asIntN(32, linear)));
}

function runFrom({ cpu }: SmallMachine, rip: bigint): string {
  cpu.state.rip = rip;
  cpu.state.setGpr(RAX, 0n);
  cpu.state.setGpr(RCX, 10n);
  const { kind } = cpu.run(1000);
  return kind;
}

t.test('a page without decodable instructions is not kept', (t) => {
  const machine = smallMachine('interpreter');
  // The first byte of an instruction whose others lie in a page that is not mapped.
  machine.memory.ram[FRAMES + PAGE_SIZE - 1] = 0x0f;
  for (let i = 0; i < PLACES; i++) {
    const linear = CODE + BigInt(2 * i) * PAGE;
    remap(machine, linear, FRAMES);
    t.equal(runFrom(machine, linear + PAGE - 1n), 'exception');
    remap(machine, linear, undefined);
  }
  t.equal(runFrom(machine, CODE), 'exception');
  t.equal(kept(machine), 0);
  t.end();
});

t.test('a page is kept until the bytes of all its records have changed', (t) => {
  const machine = smallMachine('interpreter');
  const { cpu, memory } = machine;
  memory.ram.set(VMCALL, FRAMES);
  memory.ram.set([INT3], FRAMES + 0x100);
  remap(machine, CODE, FRAMES);
  t.equal(runFrom(machine, CODE), 'vmcall');
  t.equal(runFrom(machine, CODE + 0x100n), 'exception');
  remap(machine, CODE, undefined);
  t.equal(runFrom(machine, CODE), 'exception');
  t.equal(kept(machine), 1);
  cpu.linearMemory.stored(FRAMES, 1);
  t.equal(kept(machine), 1);
  cpu.linearMemory.stored(FRAMES, PAGE_SIZE);
  t.equal(kept(machine), 0);
  t.equal(machine.memory.watched[FRAMES / PAGE_SIZE], 0);
  t.end();
});

t.test('a page whose code changed while it was mapped is not kept', (t) => {
  const machine = smallMachine('interpreter');
  machine.memory.ram.set(VMCALL, FRAMES);
  remap(machine, CODE, FRAMES);
  t.equal(runFrom(machine, CODE), 'vmcall');
  remap(machine, CODE, undefined);
  machine.cpu.linearMemory.stored(FRAMES, PAGE_SIZE);
  t.equal(runFrom(machine, CODE), 'exception');
  t.equal(kept(machine), 0);
  t.end();
});

t.test('a region is reused when its pages are mapped again, even if their records are gone', (t) => {
  const machine = smallMachine('auto', 0);
  // ADD EAX, 7; DEC ECX; JNZ; VMCALL
  machine.memory.ram.set([0x83, 0xc0, 7, 0xff, 0xc9, 0x75, 0xf9, ...VMCALL, 0xeb, 0xfe], FRAMES);
  remap(machine, CODE, FRAMES);
  t.equal(runFrom(machine, CODE), 'vmcall');
  const { modulesInAll, regionsLive } = machine.cpu.translationStats!;
  remap(machine, CODE, undefined);
  t.equal(runFrom(machine, CODE), 'exception');
  t.equal(machine.cpu.translationStats!.regionsLive, 0);
  // As when there is no room for more records.
  blocksOf(machine).dropAll();
  remap(machine, CODE, FRAMES);
  t.equal(runFrom(machine, CODE), 'vmcall');
  t.equal(machine.cpu.state.gpr(RAX), 70n);
  const { regionsResumed, regionsLive: again, ...after } = machine.cpu.translationStats!;
  t.same([regionsResumed, again, after.modulesInAll], [regionsLive, regionsLive, modulesInAll]);
  t.end();
});
