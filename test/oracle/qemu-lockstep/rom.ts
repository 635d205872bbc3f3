/** What a ROM of 64 KiB needs for QEMU to enter a kernel as PVH and Multiboot want: no firmware runs. */

export const ROM_BASE = 0xf_0000;
/** Offsets in the ROM: where the processor starts, 16-bit code, 32-bit code and the GDT with its pointer. */
const RESET = 0xfff0;
const [START, PROTECTED, GDT, GDT_POINTER] = [0xf100, 0xf200, 0xf300, 0xf340];
/** What is added is there, and nothing else. */
const PLACE = [START, 0x1_0000] as const;

const [FLAT_CODE, FLAT_DATA] = [0x00cf_9b00_0000_ffffn, 0x00cf_9300_0000_ffffn];

/** Adds code to a ROM that goes to `eip` with EAX and EBX, in 32-bit protected mode, with the selectors 8 and 10h. */
export function addEntry(rom: Uint8Array, { eip, eax, ebx }: { eip: number; eax: number; ebx: number }): void {
  if (rom.subarray(...PLACE).some((byte) => byte !== 0)) throw new Error('no room in the ROM');
  const view = new DataView(rom.buffer, rom.byteOffset, rom.byteLength);
  const words = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
  rom.set([0xea, START & 0xff, START >> 8, 0x00, 0xf0], RESET); // jmp f000:START
  const real = [0xfa, 0x2e, 0x66, 0x0f, 0x01, 0x16, GDT_POINTER & 0xff, GDT_POINTER >> 8]; // cli; lgdt cs:[GDT_POINTER]
  real.push(0x66, 0xb8, ...words(0x11), 0x0f, 0x22, 0xc0); // mov eax, 11h; mov cr0, eax
  real.push(0x66, 0xea, ...words(ROM_BASE + PROTECTED), 0x08, 0x00); // jmp 8:PROTECTED
  rom.set(real, START);
  const flat = [0x66, 0xb8, 0x10, 0x00]; // mov ax, 10h; mov ds, es, ss, fs, gs
  for (const segment of [0xd8, 0xc0, 0xd0, 0xe0, 0xe8]) flat.push(0x8e, segment);
  flat.push(0xbb, ...words(ebx), 0xb9, ...words(eip), 0xb8, ...words(eax), 0xff, 0xe1); // mov ebx, ecx, eax; jmp ecx
  rom.set(flat, PROTECTED);
  view.setBigUint64(GDT + 8, FLAT_CODE, true);
  view.setBigUint64(GDT + 16, FLAT_DATA, true);
  view.setUint16(GDT_POINTER, 23, true);
  view.setUint32(GDT_POINTER + 2, ROM_BASE + GDT, true);
}
