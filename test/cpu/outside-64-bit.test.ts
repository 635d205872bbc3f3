/** Code segments of 16 and 32 bits: what the evaluator does with them, against the host's CPU, which runs such code too. */
import t from 'tap';
import { Cpu } from '../../src/cpu/cpu.js';
import { Decoder } from '../../src/cpu/decode/decoder.js';
import type { Instruction } from '../../src/cpu/decode/instruction.js';
import type { Row } from '../../src/cpu/decode/row.js';
import { Evaluator } from '../../src/cpu/evaluator/evaluator.js';
import { hostOperations } from '../../src/cpu/evaluator/host-operations.js';
import { AC, DF, ID, NT, STATUS_FLAGS, TF } from '../../src/cpu/meaning/flags.js';
import type { Form } from '../../src/cpu/meaning/form.js';
import { pushedSegment } from '../../src/cpu/meaning/opcodes/vendor-differences.js';
import { GuestException, Vector } from '../../src/cpu/state/exceptions.js';
import { CS, DS, ES, FS, RCX, RSP, SS } from '../../src/cpu/state/layout.js';
import { DEFAULT_MODEL } from '../../src/cpu/state/model.js';
import { GuestMemory } from '../../src/memory.js';
import { CR0_WP, EFER_NXE, USER, WRITABLE } from '../../src/mmu/entry.js';
import {
  BASED_DATA,
  CODE,
  CODE_BYTES,
  CODE_SEGMENTS,
  DATA,
  DATA_BYTES,
  FLAT_DATA,
  SegmentOracle,
  contentsOf,
  type Segment,
  type SegmentCase,
  type SegmentResult,
} from '../oracle/segments.js';
import { NativeOracle } from '../oracle/native.js';
import { NEVER_RUN, refusal } from '../oracle/refusals.js';
import { encodeForm } from '../support/encode.js';
import { Random } from '../support/random.js';
import { rowName } from '../support/row-names.js';
import { seedOf, volume } from '../support/volume.js';
import { isRegisterPrefetch } from './meanings/differences/system.js';
import { PageTables } from './meanings/page-tables.js';

t.setTimeout(0);

const SEED = seedOf(20261130);
const CASES_PER_FORM = volume(2, 100);
/** Of rows that have completed in none of them: so many more cases in a round, until one has. */
const MORE_CASES = 100;
const ROUNDS = 40;
const MODES = [32, 16] as const;

/** Executes cases in the evaluator. */
class SegmentedGuest {
  private readonly memory = new GuestMemory(0x4_0000);
  private readonly cpu = new Cpu(this.memory, 'evaluator');
  private readonly evaluator: Evaluator;
  private readonly data: Uint8Array;

  constructor(private readonly pristine: Uint8Array) {
    const { cpu, memory } = this;
    const tables = new PageTables(memory, 0);
    const rights = BigInt(USER | WRITABLE);
    const [dataStart, codeStart] = [0x1_0000, 0x3_0000];
    for (let at = 0; at < DATA_BYTES; at += 4096) tables.map(BigInt(DATA + at), dataStart + at, rights);
    for (let at = 0; at < CODE_BYTES; at += 4096) tables.map(BigInt(CODE + at), codeStart + at, rights);
    cpu.mmu.setCr3(tables.root);
    cpu.mmu.setCr0(CR0_WP);
    cpu.mmu.setEfer(EFER_NXE);
    cpu.mmu.setCpl(3);
    this.data = memory.ram.subarray(dataStart, dataStart + DATA_BYTES);
    this.data.set(pristine);
    this.code = memory.ram.subarray(codeStart, codeStart + CODE_BYTES).fill(0xcc);
    this.evaluator = new Evaluator(
      cpu.state,
      cpu.linearMemory,
      hostOperations(cpu.state, cpu.mmu, () => 0, 'max'),
    );
  }

  private readonly code: Uint8Array;

  run(c: SegmentCase, instruction: Instruction): SegmentResult {
    const { state } = this.cpu;
    c.gpr.forEach((value, register) => state.setGpr(register, BigInt(value)));
    state.rflags = BigInt(c.eflags);
    state.rip = BigInt(startOf(c));
    state.stackMask = c.ss.size === 16 ? 0xffff : 0xffff_ffff;
    for (const [number, segment] of [
      [ES, c.es],
      [CS, c.cs],
      [SS, c.ss],
      [DS, c.ds],
    ] as const) {
      state.setSelector(number, segment.selector);
      state.setSegmentBase(number, BigInt(segment.base));
    }
    this.code.set(c.bytes, c.codeOffset);
    const fault = this.execute(instruction);
    this.code.fill(0xcc, c.codeOffset, c.codeOffset + c.bytes.length);
    return {
      gpr: c.gpr.map((_, register) => Number(BigInt.asUintN(32, state.gpr(register)))),
      eflags: Number(state.rflags),
      eip: Number(state.rip),
      fault,
      changes: this.takeChanges(),
    };
  }

  private execute(instruction: Instruction): SegmentResult['fault'] {
    try {
      const outcome = this.evaluator.execute(instruction);
      return outcome === 'trap' ? { vector: this.evaluator.trapVector, errorCode: 0, cr2: 0 } : undefined;
    } catch (error) {
      if (!(error instanceof GuestException)) throw error;
      const { vector, errorCode, linear } = error;
      return { vector, errorCode, cr2: vector === Vector.PF ? Number(linear) : 0 };
    }
  }

  /** The bytes of data that have changed, which are put back. */
  private takeChanges(): Map<number, number> {
    const changes = new Map<number, number>();
    const { data, pristine } = this;
    if (Buffer.compare(data, pristine) === 0) return changes;
    for (let i = 0; i < data.length; i++) if (data[i] !== pristine[i]) changes.set(DATA + i, data[i]!);
    data.set(pristine);
    return changes;
  }
}

const startOf = ({ cs, codeOffset }: SegmentCase): number => codeOffset + (cs.base === 0 ? CODE : 0);

/** Families of instructions that these cases leave out, with the reason; of all others every row must have one. */
function leftOut({ mnemonic, attributes, operands, feature }: Row): string | undefined {
  if (attributes.has('SEGMENTS')) return 'needs descriptor tables';
  if (Object.hasOwn(NEVER_RUN, mnemonic)) return 'reaches Linux or the hypervisor';
  if (operands.some(({ file }) => file === 'xmm' || file === 'mmx' || file === 'stack'))
    return 'vectors, MMX and x87, whose meanings are those of 64-bit mode';
  if (
    feature === 'FPU' ||
    /^(EMMS|FISTTP|LDMXCSR|STMXCSR|FXSAVE|FXRSTOR|XSAVE.*|VZERO.*|VLDMXCSR|VSTMXCSR)$/.test(mnemonic)
  )
    return 'vectors, MMX and x87, whose meanings are those of 64-bit mode';
  if (/^(LAR|LSL|VERR|VERW)$/.test(mnemonic)) return 'looks at descriptors';
  if (/^(CPUID|RDTSCP?|RDPID|RDRAND|RDSEED|XGETBV|RDPMC)$/.test(mnemonic))
    return 'depends on the processor and the time';
  if (/^INT$/.test(mnemonic)) return 'INT 80h is a system call of Linux';
  if (/^INT1$/.test(mnemonic)) return 'its rip depends on the hypervisor';
  return undefined;
}

/** Registers that are likely to address data in segments that are flat, or begin at DATA. */
function registers(random: Random, isFlat: boolean): number[] {
  return Array.from({ length: 8 }, () => {
    const offset = random.below(random.chance(4) ? DATA_BYTES : 0xf000);
    if (!random.chance(2)) return isFlat ? DATA + offset : offset;
    return Number(BigInt.asUintN(32, random.edgy64()));
  });
}

const STATUS_AND_DIRECTION = STATUS_FLAGS | DF;

function makeCase(bytes: Uint8Array, mode: 16 | 32, random: Random): SegmentCase {
  const cs = random.pick(CODE_SEGMENTS.filter(({ size }) => size === mode));
  const isFlat = mode === 32 && random.chance(2);
  const segment = (): Segment => (isFlat ? FLAT_DATA : random.pick(BASED_DATA));
  const gpr = registers(random, isFlat);
  // The stack is rarely anywhere else, and 16-bit stacks keep the upper half of ESP.
  const offset = random.chance(8) ? random.below(0x60) : 4 * random.below(0x3c00);
  gpr[4] = isFlat ? DATA + offset : offset + (random.chance(16) ? random.next() & 0xffff_0000 : 0);
  if (random.chance(2)) gpr[5] = gpr[4] >>> 0;
  const eflags = 0x202 | (random.next() & STATUS_AND_DIRECTION);
  const codeOffset = 16 * random.below(CODE_BYTES / 16 - 1) + random.below(2);
  return {
    bytes,
    gpr: gpr.map((value) => value >>> 0),
    eflags,
    codeOffset,
    cs,
    es: segment(),
    ss: segment(),
    ds: segment(),
  };
}

/** Whether the instruction uses the upper half of ESP. */
function usesUpperEsp(instruction: Instruction): boolean {
  const { form, base } = instruction;
  const { mnemonic } = form.row;
  if (base === RSP || (form.width === 32 && /^(PUSHA|ENTER)$/.test(mnemonic))) return true;
  return form.operands.some(
    (operand) =>
      operand.kind === 'gpr' &&
      operand.width === 32 &&
      (typeof operand.field === 'number' ? operand.field : instruction[operand.field]) === RSP,
  );
}

/** The offset in the segment of an operand in memory. */
function offsetOf({ gpr }: SegmentCase, { form, base, index, scale, displacement }: Instruction): number {
  const sum = Number(displacement) + (base < 0 ? 0 : gpr[base]!) + (index < 0 ? 0 : gpr[index]! * 2 ** scale);
  return Number(BigInt.asUintN(form.addressWidth, BigInt(sum)));
}

/**
 * Whether the instruction may access bytes beyond offset FFFFFFFFh, which is #GP or #SS: the limits of segments are not checked yet.
 */
function mayExceedLimit(c: SegmentCase, instruction: Instruction): boolean {
  const { form } = instruction;
  const offsets = form.row.attributes.has('ADDRESS') ? [c.gpr[6]!, c.gpr[7]!] : [offsetOf(c, instruction)];
  if (form.operands.every(({ kind }) => kind !== 'memory') || form.row.mnemonic === 'POP')
    offsets.push(c.gpr[4]!, c.gpr[5]!);
  return offsets.some((offset) => offset >= 0xffff_ff00 || offset < 0x100);
}

/** Why a case is not run. */
function unrunnable(c: SegmentCase, instruction: Instruction): string | undefined {
  const { form, segment } = instruction;
  const { mnemonic } = form.row;
  if (c.ss.size === 16 && usesUpperEsp(instruction))
    return 'the upper half of ESP, which IRET to a 16-bit stack leaves open';
  if (segment === CS && form.dest.kind === 'memory') return 'a store to a code segment';
  const memory = form.operands.find((operand) => operand.kind === 'memory');
  if (segment >= FS && (memory !== undefined || form.row.attributes.has('ADDRESS'))) return 'FS or GS';
  if (refusal(c.bytes) !== undefined) return 'reaches Linux';
  if (refusesRegisterPrefetch && isRegisterPrefetch(instruction))
    return 'PREFETCHW of a register, which the host refuses';
  if (memory && (form.lock || mnemonic === 'XCHG')) {
    if (mnemonic.startsWith('BT')) return 'LOCK at an address that a register selects';
    // All segments begin at the start of a page.
    if ((offsetOf(c, instruction) & 63) + 8 > 64) return 'LOCK across two cache lines';
  }
  return undefined;
}

/** The bits of EFLAGS that are compared: what the manual defines, without those that belong to the harness. */
function definedFlags(c: SegmentCase, { form, immediate }: Instruction): number {
  const { flags = 0 } = form.row.leaves;
  const last = form.operands.at(-1);
  const count =
    last?.kind === 'immediate' ? Number(immediate & 0xffn) : last?.kind === 'gpr' && last.field === RCX ? c.gpr[1]! : 1;
  const undefinedBits = typeof flags === 'number' ? flags : flags(form.width, count & 31);
  return (STATUS_AND_DIRECTION | NT | ID | AC) & ~undefinedBits;
}

function hasDefinedResult(c: SegmentCase, { form, immediate }: Instruction): boolean {
  const last = form.operands.at(-1);
  const count = last?.kind === 'immediate' ? Number(immediate & 0xffn) : c.gpr[1]!;
  return form.row.leaves.result?.(form.width, count & 31) !== true;
}

const CONTENTS = contentsOf(SEED);

function byteAt({ changes }: SegmentResult, address: number): number {
  return changes.get(address) ?? CONTENTS[address - DATA]!;
}

/** Instructions that complete in no case. */
const ALWAYS_FAULTS = /^(UD[012]|SYSEXIT|INT3)$/;

/** Instructions that store several times, of which processors make the first before a later one faults. */
const STORES_BEFORE_FAULT = /^(PUSHA|ENTER|CALL)$/;

/** Whether both operands of CMPS fault, and the host tells of another one than bd0: processors differ in which they read first. */
function areFaultsOfOperands(
  c: SegmentCase,
  { form, segment }: Instruction,
  theirs: SegmentResult,
  ours: SegmentResult,
): boolean {
  if (form.row.mnemonic !== 'CMPS' || theirs.fault?.vector !== Vector.PF || ours.fault?.vector !== Vector.PF)
    return false;
  if (theirs.fault.errorCode !== ours.fault.errorCode) return false;
  const { base } = { [ES]: c.es, [CS]: c.cs, [SS]: c.ss }[segment] ?? c.ds;
  const operands = [base + addressIn(theirs.gpr[6]!), c.es.base + addressIn(theirs.gpr[7]!)];
  return [theirs, ours].every(({ fault }) => operands.some((linear) => (fault!.cr2 - linear) >>> 0 < form.width / 8));

  function addressIn(register: number): number {
    return Number(BigInt.asUintN(form.addressWidth, BigInt(register)));
  }
}

function difference(
  c: SegmentCase,
  instruction: Instruction,
  theirs: SegmentResult,
  ours: SegmentResult,
): string | undefined {
  const { mnemonic } = instruction.form.row;
  const faultOf = ({ fault }: SegmentResult): string =>
    fault
      ? `fault ${fault.vector} ${fault.errorCode} ${fault.vector === Vector.PF ? fault.cr2.toString(16) : ''}`
      : 'none';
  const isLimit =
    theirs.fault?.errorCode === 0 && [Vector.GP, Vector.SS].some((vector) => vector === theirs.fault?.vector);
  if (isLimit && faultOf(theirs) !== faultOf(ours) && mayExceedLimit(c, instruction)) return undefined;
  if (faultOf(theirs) !== faultOf(ours) && !areFaultsOfOperands(c, instruction, theirs, ours))
    return `${faultOf(theirs)}, here ${faultOf(ours)}`;
  if (theirs.eip !== ours.eip) return `eip ${theirs.eip.toString(16)}, here ${ours.eip.toString(16)}`;
  // Between iterations processors of Intel have the flags from before the first.
  const isBetween = /^rep(e|ne)$/.test(instruction.form.repeat) && ours.eip === startOf(c);
  const mask = isBetween ? 0 : definedFlags(c, instruction);
  if (!hasDefinedResult(c, instruction)) return undefined;
  if (((theirs.eflags ^ ours.eflags) & mask) !== 0)
    return `eflags ${(theirs.eflags & mask).toString(16)}, here ${(ours.eflags & mask).toString(16)}`;
  const maskOf = (register: number): number => (register === RSP && c.ss.size === 16 ? 0xffff : -1);
  const register = theirs.gpr.findIndex((value, i) => ((value ^ ours.gpr[i]!) & maskOf(i)) !== 0);
  if (register >= 0)
    return `r${register} ${theirs.gpr[register]!.toString(16)}, here ${ours.gpr[register]!.toString(16)}`;
  if (theirs.fault && STORES_BEFORE_FAULT.test(mnemonic)) return undefined;
  const addresses = [...new Set([...theirs.changes.keys(), ...ours.changes.keys()])];
  // PUSHF shows TF, which the harness sets.
  const shown = mnemonic === 'PUSHF' ? ~(TF >> 8) : 0xff;
  // Processors of Intel write 16 bits of a pushed segment register.
  const isHalf = instruction.form.row.vendors.includes(pushedSegment);
  const at = addresses.find(
    (address) =>
      !(isHalf && !theirs.changes.has(address)) && ((byteAt(theirs, address) ^ byteAt(ours, address)) & shown) !== 0,
  );
  return at === undefined
    ? undefined
    : `[${at.toString(16)}] ${theirs.changes.get(at)?.toString(16)}, here ${ours.changes.get(at)?.toString(16)}`;
}

interface Prepared {
  readonly c: SegmentCase;
  readonly instruction: Instruction;
}

const oracle = NativeOracle.available() ? new SegmentOracle() : undefined;
t.teardown(() => oracle?.close());
const missing = oracle === undefined ? 'needs Linux on x86-64' : oracle.unavailable();

/** Whether the host refuses PREFETCHW and its relatives with a register. */
const refusesRegisterPrefetch =
  missing === undefined &&
  oracle!.run(SEED, [makeCase(Uint8Array.of(0x0f, 0x0d, 0xc0), 32, new Random(SEED))])[0]!.fault?.vector === Vector.UD;

/** The cases of a mode, and what came of them. */
class Check {
  readonly wrong: string[] = [];
  /** Rows with a case that has completed. */
  readonly completed = new Set<Row>();
  /** Cases left out, by the reason. */
  readonly left = new Map<string, number>();
  cases = 0;
  readonly decoder: Decoder;
  private readonly random: Random;
  private readonly guest = new SegmentedGuest(CONTENTS);

  constructor(mode: 16 | 32) {
    this.decoder = new Decoder(DEFAULT_MODEL, mode);
    this.random = new Random(SEED + mode);
  }

  /** Compares so many random cases of each form. */
  run(forms: readonly Form[], count: number): void {
    const prepared = forms.flatMap((form) => Array.from({ length: count }, () => this.prepare(form)).flat());
    const theirs = oracle!.run(
      SEED,
      prepared.map(({ c }) => c),
    );
    prepared.forEach(({ c, instruction }, i) => this.compare(c, instruction, theirs[i]!));
    this.cases += prepared.length;
  }

  private prepare(form: Form): Prepared[] {
    const { bytes, instruction } = encodeForm(this.decoder, form, this.random);
    const c = makeCase(bytes, form.mode as 16 | 32, this.random);
    const reason = unrunnable(c, instruction);
    if (reason === undefined) return [{ c, instruction }];
    this.left.set(reason, (this.left.get(reason) ?? 0) + 1);
    return [];
  }

  private compare(c: SegmentCase, instruction: Instruction, theirs: SegmentResult): void {
    const ours = this.guest.run(c, instruction);
    if (!ours.fault) this.completed.add(instruction.form.row);
    const found = difference(c, instruction, theirs, ours);
    if (found === undefined) return;
    this.wrong.push(`${Buffer.from(c.bytes).toString('hex')} ${rowName(instruction.form.row)}: ${found}`);
  }
}

const show = (counts: Map<string, number>): string => [...counts].map(([why, n]) => `${why} ${n}`).join('; ');

for (const mode of MODES)
  t.test(`${mode} bits: the host's CPU and the evaluator agree`, { skip: missing ?? false }, async (t) => {
    const check = new Check(mode);
    const families = new Map<string, number>();
    const forms = check.decoder.forms.filter(({ row }) => {
      const reason = leftOut(row);
      if (reason !== undefined) families.set(reason, (families.get(reason) ?? 0) + 1);
      return reason === undefined;
    });
    check.run(forms, CASES_PER_FORM);
    const canComplete = ({ row }: Form): boolean => !ALWAYS_FAULTS.test(row.mnemonic) && row.privilege === undefined;
    const incomplete = (): Form[] => forms.filter((form) => canComplete(form) && !check.completed.has(form.row));
    for (let round = 0; round < ROUNDS && incomplete().length > 0; round++) check.run(incomplete(), MORE_CASES);
    t.strictSame(check.wrong.slice(0, 20), [], `${check.wrong.length} of ${check.cases} cases differ`);
    t.strictSame([...new Set(incomplete().map(({ row }) => rowName(row)))], [], 'every row has completed');
    t.comment(`${check.cases} cases of ${forms.length} forms; cases left out: ${show(check.left)}`);
    t.comment(`forms left out: ${show(families)}`);
  });
