import t, { type Test } from 'tap';
import { hex } from '../../src/bits.js';
import fc from '../support/fast-check.js';
import {
  FREE_RUN,
  makeCase,
  MXCSR_DEFAULT,
  RFLAGS,
  RFLAGS_ALLOWED,
  RFLAGS_ALWAYS,
  type OracleCase,
  type OracleState,
  VECTOR_BYTES,
} from './case.js';
import { formatDifference, sameState } from './difference.js';
import { describeHost, missingFeatures } from './host.js';
import {
  ARENA_BYTES,
  CODE,
  CODE_BYTES,
  HIGH_ARENA,
  initialWindows,
  LOW_ARENA,
  READ_ONLY_PAGE,
  READ_ONLY_PAGES,
  type OracleMemory,
} from './layout.js';
import { NativeOracle, NOT_AVAILABLE } from './native.js';
import { refusal } from './refusals.js';
import { probeSurroundings, type Surroundings } from './surroundings.js';

const [RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI] = [0, 1, 2, 3, 4, 5, 6, 7];
const MIDDLE = HIGH_ARENA + 0x1000n;
const READ_ONLY = HIGH_ARENA + BigInt(READ_ONLY_PAGE * 4096);
const WRITABLE_AGAIN = READ_ONLY + BigInt(READ_ONLY_PAGES * 4096);
const END = HIGH_ARENA + BigInt(ARENA_BYTES);
/** Not canonical, with 48-bit and with 57-bit linear addresses. */
const NON_CANONICAL = 0x0100_0000_0000_0000n;
const ALL_FLAGS = RFLAGS_ALLOWED & ~RFLAGS.NT;

function registers(values: Record<number, bigint>): BigUint64Array {
  const gpr = new BigUint64Array(16);
  for (const [index, value] of Object.entries(values)) gpr[Number(index)] = value;
  return gpr;
}

/** Little-endian 64-bit words. */
function words(...values: bigint[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(values).buffer);
}

/** Windows over every border of the high arena and the start of the low one, with `patches`. */
function memory(...patches: { address: bigint; bytes: Uint8Array }[]): OracleMemory {
  const around = (border: bigint) => ({ address: border - 64n, length: 128 });
  const windows = [
    { address: HIGH_ARENA, length: 64 },
    around(MIDDLE),
    around(READ_ONLY),
    around(WRITABLE_AGAIN),
    { address: END - 64n, length: 64 },
    { address: LOW_ARENA, length: 64 },
  ];
  return { seed: 1, windows, patches };
}

/** The state that `c` starts with, rip after the instruction, and `changes` over that. */
function after(c: OracleCase, changes: Partial<OracleState> = {}): OracleState {
  return {
    gpr: c.gpr,
    rip: CODE + BigInt(c.codeOffset + c.bytes.length),
    rflags: c.rflags | RFLAGS_ALWAYS,
    xmm: c.xmm,
    mxcsr: c.mxcsr,
    x87: c.x87,
    fsBase: c.fsBase,
    gsBase: c.gsBase,
    windows: initialWindows(c.memory),
    ...changes,
  };
}

/** What the windows of `c` hold once `bytes` are stored at `address`. */
function stored(c: OracleCase, address: bigint, bytes: Uint8Array): Uint8Array[] {
  return initialWindows({ ...c.memory, patches: [...(c.memory.patches ?? []), { address, bytes }] });
}

/** An instruction and the state that the manual gives after it. */
interface Example {
  name: string;
  c: OracleCase;
  expected: OracleState;
}

function example(
  name: string,
  bytes: number[],
  given: Partial<OracleCase>,
  changes: (c: OracleCase) => Partial<OracleState>,
): Example {
  const c = makeCase(bytes, { memory: memory(), ...given });
  return { name, c, expected: after(c, changes(c)) };
}

/** An instruction that raises an exception and changes nothing else. */
function faulting(
  name: string,
  bytes: number[],
  given: Partial<OracleCase>,
  vector: number,
  { errorCode = 0, cr2 = 0n, ripAfter = false } = {},
): Example {
  const { codeOffset = 0 } = given;
  const rip = CODE + BigInt(codeOffset + (ripAfter ? bytes.length : 0));
  return example(name, bytes, given, () => ({ rip, fault: { vector, errorCode, cr2 } }));
}

/** Runs every example stepped and freely. */
function checkExamples(t: Test, oracle: NativeOracle, examples: Example[]): void {
  for (const maxSteps of [1, FREE_RUN]) {
    const results = oracle.run(examples.map(({ c }) => ({ ...c, maxSteps })));
    examples.forEach(({ name, c, expected }, i) => {
      const result = results[i]!;
      const sentence = maxSteps === FREE_RUN ? `${name}, not stepped` : name;
      if (sameState(expected, result)) t.pass(sentence);
      else t.fail(`${sentence}\n${formatDifference(expected, result, { windows: c.memory.windows })}`);
      t.equal(result.stray, undefined, `${sentence}: nothing outside the windows changes`);
    });
  }
}

const NOP = [0x90];
const integerExamples = [
  example('ADD RAX, RBX', [0x48, 0x01, 0xd8], { gpr: registers({ [RAX]: 1n, [RBX]: 2n }) }, () => ({
    gpr: registers({ [RAX]: 3n, [RBX]: 2n }),
    rflags: RFLAGS_ALWAYS | RFLAGS.PF,
  })),
  example(
    'LOCK ADD [RBX], RAX',
    [0xf0, 0x48, 0x01, 0x03],
    {
      gpr: registers({ [RAX]: 1n, [RBX]: MIDDLE }),
      memory: memory({ address: MIDDLE, bytes: words(0xffff_ffff_ffff_ffffn) }),
    },
    (c) => ({
      windows: stored(c, MIDDLE, words(0n)),
      rflags: RFLAGS_ALWAYS | RFLAGS.CF | RFLAGS.PF | RFLAGS.AF | RFLAGS.ZF,
    }),
  ),
  example(
    'MOV RAX, [RBX] across two pages',
    [0x48, 0x8b, 0x03],
    {
      gpr: registers({ [RBX]: MIDDLE - 4n }),
      memory: memory({ address: MIDDLE - 4n, bytes: words(0x1122_3344_5566_7788n) }),
    },
    () => ({ gpr: registers({ [RAX]: 0x1122_3344_5566_7788n, [RBX]: MIDDLE - 4n }) }),
  ),
  example(
    'MOV EAX, [EBX] truncates the address to 32 bits',
    [0x67, 0x8b, 0x03],
    {
      gpr: registers({ [RAX]: -1n, [RBX]: HIGH_ARENA }),
      memory: memory({ address: LOW_ARENA, bytes: words(0x1234_5678n) }),
    },
    () => ({ gpr: registers({ [RAX]: 0x1234_5678n, [RBX]: HIGH_ARENA }) }),
  ),
  example(
    'MOV RAX, [RIP + disp32] reaches the arena',
    [0x48, 0x8b, 0x05, 0xf9, 0x0f, 0xff, 0xff],
    { memory: memory({ address: MIDDLE, bytes: words(99n) }) },
    () => ({ gpr: registers({ [RAX]: 99n }) }),
  ),
  example(
    'MOV RAX, GS:[RAX] adds gs_base',
    [0x65, 0x48, 0x8b, 0x00],
    {
      gpr: registers({ [RAX]: -8n }),
      gsBase: MIDDLE,
      memory: memory({ address: MIDDLE - 8n, bytes: words(7n) }),
    },
    () => ({ gpr: registers({ [RAX]: 7n }) }),
  ),
  example('PUSH RAX', [0x50], { gpr: registers({ [RAX]: 5n, [RSP]: MIDDLE }) }, (c) => ({
    gpr: registers({ [RAX]: 5n, [RSP]: MIDDLE - 8n }),
    windows: stored(c, MIDDLE - 8n, words(5n)),
  })),
  example('an instruction across two code pages', [0x48, 0xb8, 8, 7, 6, 5, 4, 3, 2, 1], { codeOffset: 4093 }, () => ({
    gpr: registers({ [RAX]: 0x0102_0304_0506_0708n }),
  })),
  example('a jump to a page that is not mapped', [0xff, 0xe0], { gpr: registers({ [RAX]: 4n }) }, () => ({ rip: 4n })),
  example('a jump within the code', [0xeb, 0x40], {}, () => ({ rip: CODE + 0x42n })),
];

const flagExamples = [
  example('PUSHF does not show TF', [0x9c], { rflags: ALL_FLAGS, gpr: registers({ [RSP]: MIDDLE }) }, (c) => ({
    gpr: registers({ [RSP]: MIDDLE - 8n }),
    windows: stored(c, MIDDLE - 8n, words(BigInt(ALL_FLAGS))),
  })),
  example(
    'POPF sets every flag of user mode, TF and NT among them',
    [0x9d],
    { gpr: registers({ [RSP]: MIDDLE }), memory: memory({ address: MIDDLE, bytes: words(-1n) }) },
    () => ({ gpr: registers({ [RSP]: MIDDLE + 8n }), rflags: RFLAGS_ALLOWED | RFLAGS.TF }),
  ),
  example(
    'POPF clears every flag but IF',
    [0x9d],
    {
      rflags: ALL_FLAGS,
      gpr: registers({ [RSP]: MIDDLE }),
      memory: memory({ address: MIDDLE, bytes: words(0n) }),
    },
    () => ({ gpr: registers({ [RSP]: MIDDLE + 8n }), rflags: RFLAGS_ALWAYS }),
  ),
];

const faultExamples = [
  faulting('DIV by zero: #DE', [0x48, 0xf7, 0xf3], { gpr: registers({ [RAX]: 1n }) }, 0),
  faulting('INT3: #BP, a trap', [0xcc], {}, 3, { ripAfter: true }),
  faulting('INT 3: #BP, a trap', [0xcd, 0x03], {}, 3, { ripAfter: true }),
  faulting('INT 4: #OF, a trap', [0xcd, 0x04], {}, 4, { ripAfter: true }),
  faulting('UD2: #UD', [0x0f, 0x0b], {}, 6),
  faulting('LOCK before a register form: #UD', [0xf0, 0x48, 0x01, 0xd8], {}, 6),
  faulting('RSP not canonical: #SS', [0x48, 0x8b, 0x04, 0x24], { gpr: registers({ [RSP]: NON_CANONICAL }) }, 12),
  faulting('RBP not canonical: #SS', [0x48, 0x8b, 0x45, 0x00], { gpr: registers({ [RBP]: NON_CANONICAL }) }, 12),
  faulting('RAX not canonical: #GP', [0x48, 0x8b, 0x00], { gpr: registers({ [RAX]: NON_CANONICAL }) }, 13),
  faulting('HLT at CPL 3: #GP', [0xf4], {}, 13),
  faulting('INT 5 at CPL 3: #GP with the gate', [0xcd, 0x05], {}, 13, { errorCode: 5 * 8 + 2 }),
  faulting('MOVAPS not aligned: #GP', [0x0f, 0x28, 0x03], { gpr: registers({ [RBX]: MIDDLE + 1n }) }, 13),
  faulting('CMPXCHG16B not aligned: #GP', [0x48, 0x0f, 0xc7, 0x0b], { gpr: registers({ [RBX]: MIDDLE + 8n }) }, 13),
  faulting('PUSH below the arena: #PF', [0x50], { gpr: registers({ [RSP]: HIGH_ARENA }) }, 14, {
    errorCode: 6,
    cr2: HIGH_ARENA - 8n,
  }),
  faulting(
    'a load across the end: #PF on the second page',
    [0x48, 0x8b, 0x03],
    { gpr: registers({ [RBX]: END - 4n }) },
    14,
    {
      errorCode: 4,
      cr2: END,
    },
  ),
  faulting('a store into read-only pages: #PF', [0x48, 0x01, 0x03], { gpr: registers({ [RBX]: READ_ONLY - 4n }) }, 14, {
    errorCode: 7,
    cr2: READ_ONLY,
  }),
  faulting('a store into the code: #PF', [0x88, 0x05, 0, 0, 0, 0], {}, 14, { errorCode: 7, cr2: CODE + 6n }),
  faulting('the half of the kernel: #PF', [0x48, 0x8b, 0x03], { gpr: registers({ [RBX]: -0x1000n }) }, 14, {
    errorCode: 4,
    cr2: BigInt.asUintN(64, -0x1000n),
  }),
  faulting(
    'code that runs off its last page: #PF',
    [0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8],
    { codeOffset: CODE_BYTES - 4 },
    14,
    {
      errorCode: 0x14,
      cr2: CODE + BigInt(CODE_BYTES),
    },
  ),
  faulting('code on the page after: #PF', NOP, { codeOffset: CODE_BYTES }, 14, {
    errorCode: 0x14,
    cr2: CODE + BigInt(CODE_BYTES),
  }),
  faulting(
    'a load that is not aligned, with AC: #AC',
    [0x48, 0x8b, 0x03],
    { rflags: RFLAGS.AC, gpr: registers({ [RBX]: MIDDLE + 1n }) },
    17,
  ),
];

/** XMM0 of four times `float`, XMM1 zero. */
function vectorOf(float: number): Uint8Array {
  const xmm = new Uint8Array(VECTOR_BYTES);
  new Float32Array(xmm.buffer, 0, 4).fill(float);
  return xmm;
}

const ZE = 1 << 2;
const ZM = 1 << 9;
const vectorExamples = [
  example('DIVPS by zero, masked: infinity and ZE', [0x0f, 0x5e, 0xc1], { xmm: vectorOf(1) }, () => ({
    xmm: vectorOf(Infinity),
    mxcsr: MXCSR_DEFAULT | ZE,
  })),
  example(
    'DIVPS by zero, unmasked: #XM, with ZE and nothing else changed',
    [0x0f, 0x5e, 0xc1],
    { xmm: vectorOf(1), mxcsr: MXCSR_DEFAULT & ~ZM },
    () => ({ rip: CODE, mxcsr: (MXCSR_DEFAULT & ~ZM) | ZE, fault: { vector: 19, errorCode: 0, cr2: 0n } }),
  ),
];

function wideExamples(): Example[] {
  const gpr = registers({ [RAX]: 1n, [RDX]: 2n, [RBX]: MIDDLE, [RCX]: 4n });
  const bytes = [0xf0, 0x48, 0x0f, 0xc7, 0x0b];
  return [
    example(
      'LOCK CMPXCHG16B, equal: stores RCX:RBX',
      bytes,
      { gpr, memory: memory({ address: MIDDLE, bytes: words(1n, 2n) }) },
      (c) => ({ windows: stored(c, MIDDLE, words(MIDDLE, 4n)), rflags: RFLAGS_ALWAYS | RFLAGS.ZF }),
    ),
    example(
      'LOCK CMPXCHG16B, different: loads RDX:RAX',
      bytes,
      { gpr, memory: memory({ address: MIDDLE, bytes: words(8n, 9n) }), rflags: RFLAGS.ZF },
      () => ({ gpr: registers({ [RAX]: 8n, [RDX]: 9n, [RBX]: MIDDLE, [RCX]: 4n }), rflags: RFLAGS_ALWAYS }),
    ),
  ];
}

const canonical = fc.bigInt(-(1n << 47n), (1n << 47n) - 1n).map((address) => BigInt.asUintN(64, address));
/** MXCSR without reserved bits. */
const mxcsr = fc.integer({ min: 0, max: 0xffff });

/** Any state that the host lets a case start from. */
function anyState({ acceptsBase, startFlags, shownFlags }: Surroundings) {
  const base = canonical.map((address) => [address, address & 0x3fff_ffff_ffffn, 0n].find(acceptsBase)!);
  const flags = RFLAGS_ALLOWED & startFlags & shownFlags;
  return fc.record({
    gpr: fc.bigUint64Array({ minLength: 16, maxLength: 16 }),
    rflags: fc.nat(RFLAGS_ALLOWED).map((bits) => (bits & flags) | RFLAGS_ALWAYS),
    xmm: fc.uint8Array({ minLength: VECTOR_BYTES, maxLength: VECTOR_BYTES }),
    mxcsr,
    fsBase: base,
    gsBase: base,
    codeOffset: fc.nat(CODE_BYTES - 1),
    maxSteps: fc.constantFrom(1, FREE_RUN),
    memory: fc.nat().map((seed) => ({ ...memory(), seed })),
  });
}

function repExamples(t: Test, oracle: NativeOracle): void {
  const copied = (count: bigint) => registers({ [RCX]: 5n - count, [RSI]: MIDDLE - 8n + count, [RDI]: MIDDLE + count });
  const c = makeCase([0xf3, 0xa4], {
    gpr: copied(0n),
    memory: memory({ address: MIDDLE - 8n, bytes: words(0x1122_3344_5566_7788n) }),
  });
  const bytes = words(0x1122_3344_5566_7788n);
  const partly = (count: number) =>
    after(c, {
      gpr: copied(BigInt(count)),
      rip: CODE + (count < 5 ? 0n : 2n),
      windows: stored(c, MIDDLE, bytes.subarray(0, count)),
    });
  for (const [maxSteps, count, steps] of [
    [1, 1, 1],
    [3, 3, 3],
    [100, 5, 5],
    [FREE_RUN, 5, 1],
  ] as const) {
    const result = oracle.runOne({ ...c, maxSteps });
    t.equal(
      formatDifference(partly(count), result),
      formatDifference(partly(count), partly(count)),
      `${maxSteps} steps`,
    );
    t.equal(result.steps, steps, `${steps} counted`);
  }
}

t.test('the native oracle', { skip: !NativeOracle.available() && NOT_AVAILABLE }, (t) => {
  const oracle = new NativeOracle();
  t.teardown(() => oracle.close());
  t.comment(describeHost(oracle.host));

  t.test('knows the CPU it runs on', (t) => {
    t.same(missingFeatures(oracle.host, ['LM', 'SSE2', 'CMOV']), [], 'every x86-64 CPU has these');
    t.same(missingFeatures(oracle.host, ['SSE2', 'no such feature']), ['no such feature']);
    t.match(oracle.host.vendor, /\S+/);
    t.end();
  });

  t.test('agrees with the manual on integer instructions', (t) => {
    checkExamples(t, oracle, integerExamples);
    const missing = missingFeatures(oracle.host, ['CMPXCHG16B']);
    if (missing.length === 0) checkExamples(t, oracle, wideExamples());
    else t.comment(`skipped: the host lacks ${missing.join(' ')}`);
    t.end();
  });

  t.test('hides the trap flag that it steps with', (t) => {
    checkExamples(t, oracle, flagExamples);
    t.end();
  });

  t.test('tells every exception with its error code and address', (t) => {
    checkExamples(t, oracle, faultExamples);
    t.equal(oracle.runOne(makeCase([0xf1])).fault?.vector, 1, 'INT1: #DB');
    t.end();
  });

  t.test('agrees with the manual on SSE and its exceptions', (t) => {
    checkExamples(t, oracle, vectorExamples);
    t.end();
  });

  t.test('steps REP by iterations, to its end, or lets it run', (t) => {
    repExamples(t, oracle);
    const endless = makeCase([0xeb, 0xfe], { maxSteps: 50 });
    t.equal(oracle.runOne(endless).steps, 50, 'a jump to itself ends with its steps');
    t.end();
  });

  t.test('executes MOV SS alone, though it holds the trap back', (t) => {
    const gpr = registers({ [RAX]: BigInt(oracle.host.ss) });
    checkExamples(t, oracle, [
      example('MOV SS, AX', [0x8e, 0xd0], { gpr }, () => ({})),
      example('MOV SS, AX at the end of the code', [0x8e, 0xd0], { gpr, codeOffset: CODE_BYTES - 2 }, () => ({})),
    ]);
    t.end();
  });

  t.test('loads and reports every register: NOP changes none', (t) => {
    const surroundings = probeSurroundings(oracle);
    t.comment(surroundings.description);
    const batch = fc.array(anyState(surroundings), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(batch, (states) => {
        const cases = states.map((state) => makeCase(NOP, state));
        oracle.run(cases).forEach((result, i) => {
          const expected = after(cases[i]!);
          if (!sameState(expected, result)) throw new Error(formatDifference(expected, result));
        });
      }),
      { numRuns: 40 },
    );
    t.end();
  });

  t.test('gives each case its own state, whatever ran before', (t) => {
    const all = [...integerExamples, ...flagExamples, ...faultExamples, ...vectorExamples];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...all), { maxLength: 60 }), (examples) => {
        oracle.run(examples.map(({ c }) => c)).forEach((result, i) => {
          const { expected } = examples[i]!;
          if (!sameState(expected, result)) throw new Error(formatDifference(expected, result));
        });
      }),
      { numRuns: 20 },
    );
    const selectors = oracle.run([
      makeCase([0x8e, 0xe0], { gpr: registers({ [RAX]: BigInt(oracle.host.ss) }) }),
      makeCase(NOP, { fsBase: MIDDLE }),
    ]);
    const { cs, ss } = oracle.host;
    t.same([...selectors[0]!.selectors], [0, cs, ss, 0, ss, 0], 'MOV FS, AX loads the selector');
    t.same([...selectors[1]!.selectors], [0, cs, ss, 0, 0, 0], 'and the next case starts with null');
    t.equal(selectors[1]!.fsBase, MIDDLE);
    t.end();
  });

  t.test('runs more cases than one process takes, in order', (t) => {
    const cases = Array.from({ length: 20_000 }, (_, i) =>
      makeCase([0x48, 0xff, 0xc0], { gpr: registers({ [RAX]: BigInt(i) }), maxSteps: FREE_RUN }),
    );
    const results = oracle.run(cases);
    t.equal(results.length, cases.length);
    t.equal(
      results.findIndex((result, i) => result.gpr[RAX] !== BigInt(i + 1)),
      -1,
      'each has its own answer',
    );
    t.end();
  });

  t.test('reports a store outside the windows', (t) => {
    const gpr = registers({ [RAX]: 0xff00n, [RSP]: HIGH_ARENA + 0x6100n });
    const [stray, clean] = oracle.run([makeCase([0x50], { gpr }), makeCase(NOP)]);
    t.equal(stray!.stray, HIGH_ARENA + 0x60f9n, 'the first byte that is not zero');
    t.equal(clean!.stray, undefined, 'and clears it for the next case');
    t.end();
  });

  t.test('names the case that does not end', (t) => {
    const cases = [makeCase(NOP), makeCase([0xeb, 0xfe], { maxSteps: FREE_RUN })];
    const impatient = new NativeOracle({ patience: 1 });
    t.teardown(() => impatient.close());
    t.throws(
      () => impatient.run(cases),
      /case 1 \(eb fe\): an instruction has not ended within the CPU time that the oracle allows it/,
    );
    t.notOk(oracle.ends(cases[1]!));
    t.ok(oracle.ends(cases[0]!));
    t.end();
  });

  t.test('refuses bases that only arch_prctl could set, one by one', (t) => {
    const limited = new NativeOracle({ withoutFsgsbase: true });
    t.teardown(() => limited.close());
    t.equal(limited.host.fsgsbaseEnabled, false);
    const upper = makeCase(NOP, { gsBase: 0xffff_8000_0000_0000n });
    const [refused, accepted] = limited.ask([upper, makeCase(NOP, { fsBase: MIDDLE, gsBase: 5n })]);
    t.equal(refused, undefined, 'a base of the upper half has no answer');
    t.same([accepted!.fsBase, accepted!.gsBase], [MIDDLE, 5n], 'and the next case has its own');
    t.throws(() => limited.run([upper]), /90: Linux refuses fs_base 0x0 or gs_base 0xffff800000000000/);
    t.end();
  });

  const unguarded = !oracle.host.interceptsSystemCalls && 'Linux before 5.11 does not intercept system calls';
  t.test('catches a system call in the shadow of MOV SS', { skip: unguarded }, (t) => {
    const c = makeCase([0x8e, 0xd0, 0x0f, 0x05], { gpr: registers({ [RAX]: BigInt(oracle.host.ss) }) });
    t.throws(() => oracle.run([c]), /8e d0 0f 05: it made a system call/);
    t.end();
  });

  t.end();
});

t.test('gcc that is missing', { skip: !NativeOracle.available() && NOT_AVAILABLE }, (t) => {
  const { PATH } = process.env;
  t.teardown(() => (process.env['PATH'] = PATH));
  process.env['PATH'] = '';
  t.throws(
    () => new NativeOracle(),
    /needs gcc \(Debian: apt install gcc linux-libc-dev\)/,
    'is named with its package',
  );
  t.end();
});

t.test('what must not reach Linux is refused', (t) => {
  for (const bytes of [
    [0x0f, 0x05],
    [0x66, 0x48, 0x0f, 0x05],
    [0x0f, 0x34],
    [0xcd, 0x80],
    [0x0f, 0x01, 0xc1],
    [0x0f, 0x01, 0xd9],
    [0x0f, 0x01, 0xef],
    [0x0f, 0x01, 0x03],
    [0x0f, 0x01, 0xe0],
    [0x0f, 0x00, 0xc8],
    [0x0f, 0xae, 0x2b],
  ])
    t.ok(refusal(Uint8Array.from(bytes)), Buffer.from(bytes).toString('hex'));
  for (const bytes of [[0x90], [0xcd, 0x03], [0x0f, 0x0b], [0x0f, 0xae, 0xe8], [0x0f, 0x01, 0xd0], [0x0f], [0x66], []])
    t.equal(refusal(Uint8Array.from(bytes)), undefined, Buffer.from(bytes).toString('hex'));
  t.end();
});

t.test('a difference is a table with stars', (t) => {
  const c = makeCase(NOP, { memory: memory() });
  const expected = after(c);
  const actual = after(c, {
    gpr: registers({ [RDX]: 5n }),
    rflags: RFLAGS_ALWAYS | RFLAGS.CF,
    windows: stored(c, MIDDLE, words(0n)),
    fault: { vector: 14, errorCode: 6, cr2: MIDDLE },
  });
  const starred = (comparison = {}) =>
    formatDifference(expected, actual, comparison)
      .split('\n')
      .filter((line) => line.startsWith('*'))
      .map((line) => line.split(/\s+/)[1]);
  t.same(starred({ windows: c.memory.windows }), ['fault', 'rflags', 'rdx', hex(MIDDLE)]);
  t.same(starred({ definedFlags: ~RFLAGS.CF }), ['fault', 'rdx', 'window'], 'undefined flags are shown without a star');
  t.notOk(sameState(expected, actual));
  t.ok(sameState(expected, after(c, { rflags: RFLAGS.CF | RFLAGS_ALWAYS }), { definedFlags: ~RFLAGS.CF }));
  t.end();
});
