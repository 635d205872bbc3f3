import t from 'tap';
import { BRAND, HYPERVISOR_ID, VENDOR_ID, cpuid } from '../../src/cpu/state/cpuid.js';

/** The characters in little-endian words. */
function text(words: number[]): string {
  const bytes = words.flatMap((word) => [0, 8, 16, 24].map((shift) => (word >>> shift) & 0xff));
  return String.fromCharCode(...bytes);
}

/** The numbers of the bits set. */
function bits(word: number): number[] {
  return Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => (word >>> bit) & 1);
}

t.test('leaf 0 returns the highest basic leaf, and the vendor in EBX, EDX, ECX', async (t) => {
  const [eax, ebx, ecx, edx] = cpuid(0, 0);
  t.equal(eax, 0xd);
  t.equal(VENDOR_ID.length, 12);
  t.equal(text([ebx, edx, ecx]), VENDOR_ID);
});

t.test('leaf 1 reports exactly the implemented features', async (t) => {
  const [eax, ebx, ecx, edx] = cpuid(1, 0);
  t.equal((eax >>> 8) & 15, 15, 'family');
  t.equal(((ebx >>> 8) & 0xff) * 8, 64, 'bytes that CLFLUSH flushes');
  t.equal(ebx >>> 16, 0, 'one logical processor, number 0');
  // SSE3 PCLMULQDQ SSSE3 FMA CMPXCHG16B SSE4_1 SSE4_2 MOVBE POPCNT AES XSAVE OSXSAVE AVX F16C RDRAND, a hypervisor.
  t.same(bits(ecx), [0, 1, 9, 12, 13, 19, 20, 22, 23, 25, 26, 27, 28, 29, 30, 31]);
  // FPU TSC PAE CX8 CMOV CLFSH MMX FXSR SSE SSE2: no MSR, APIC, SEP.
  t.same(bits(edx), [0, 4, 6, 8, 15, 19, 23, 24, 25, 26]);
});

t.test('leaf 7 reports the structured extended features in subleaf 0 only', async (t) => {
  const [eax, ebx, ecx, edx] = cpuid(7, 0);
  t.equal(eax, 0, 'the highest subleaf');
  // FSGSBASE BMI1 AVX2 SMEP BMI2 INVPCID RDSEED ADX SMAP CLFLUSHOPT CLWB SHA: no ERMS, RTM.
  t.same(bits(ebx), [0, 3, 5, 7, 8, 10, 18, 19, 20, 23, 24, 29]);
  t.same(bits(ecx), [2, 22], 'UMIP, RDPID');
  t.equal(edx, 0);
  t.same(cpuid(7, 1), [0, 0, 0, 0]);
});

t.test('leaf Dh describes the XSAVE area, which is as large in both forms', async (t) => {
  t.same(cpuid(0xd, 0), [7, 832, 832, 0], 'x87, SSE and AVX');
  t.same(cpuid(0xd, 1), [7, 832, 0, 0], 'XSAVEOPT, XSAVEC, XGETBV of ECX 1');
  t.same(cpuid(0xd, 2), [256, 576, 0, 0], 'the upper halves of YMM');
  t.same(cpuid(0xd, 3), [0, 0, 0, 0]);
});

t.test('the extended leaves report features, brand and address sizes', async (t) => {
  t.same(cpuid(0x8000_0000, 0), [0x8000_0008, 0, 0, 0]);
  const [eax, , ecx, edx] = cpuid(0x8000_0001, 0);
  t.equal(eax, cpuid(1, 0)[0]);
  t.same(bits(ecx), [0, 5, 8], 'LAHF in 64-bit mode, LZCNT, PREFETCHW');
  // FPU TSC PAE CX8 CMOV MMX FXSR again, as AMD has it; SYSCALL, NX, 1-GByte pages, RDTSCP, 64-bit mode.
  t.same(bits(edx), [0, 4, 6, 8, 11, 15, 20, 23, 24, 26, 27, 29]);
  const brand = text([2, 3, 4].flatMap((leaf) => cpuid(0x8000_0000 + leaf, 0)));
  t.equal(brand, BRAND.padEnd(48, '\0'));
  const [sizes] = cpuid(0x8000_0008, 0);
  t.equal(sizes & 0xff, 40, 'physical address bits');
  t.equal(sizes >>> 8, 48, 'linear address bits');
});

t.test('leaf 40000000h identifies the kernel that handles VMCALL', async (t) => {
  const [eax, ...words] = cpuid(0x4000_0000, 0);
  t.equal(eax, 0x4000_0000);
  t.equal(text(words), HYPERVISOR_ID);
});

t.test('the caches are those of the formulas of AMD', async (t) => {
  const [, , data, code] = cpuid(0x8000_0005, 0);
  for (const cache of [data, code]) t.same([cache >>> 24, (cache >>> 16) & 0xff, cache & 0xff], [32, 8, 64]);
  const [, , second, third] = cpuid(0x8000_0006, 0);
  t.same([second >>> 16, (second >>> 12) & 15, second & 0xff], [512, 6, 64], 'KiB, 8 ways, bytes of a line');
  t.same([third >>> 18, (third >>> 12) & 15, third & 0xff], [32, 8, 64], 'units of 512 KiB, 16 ways, bytes of a line');
});

t.test('unused leaves are zero', async (t) => {
  for (const leaf of [8, 0x3fff_ffff, 0x4000_0001, 0x8000_0009, 0x8000_001d, 0xffff_ffff, 2, 3, 4, 5, 6, 0x8000_0007])
    t.same(cpuid(leaf, 0), [0, 0, 0, 0], leaf.toString(16));
});

t.test('every word is an unsigned 32-bit number', async (t) => {
  for (const leaf of [0, 1, 7, 0x4000_0000, 0x8000_0001, 0x8000_0002, 0x8000_0005, 0x8000_0006, 0x8000_0008])
    t.ok(
      cpuid(leaf, 0).every((word) => Number.isInteger(word) && word >= 0 && word < 2 ** 32),
      leaf.toString(16),
    );
});
