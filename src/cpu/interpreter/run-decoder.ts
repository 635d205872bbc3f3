import { LONGEST_INSTRUCTION } from '../decode/code-bytes.js';
import {
  MEMORY_BASE,
  MEMORY_GENERAL,
  MEMORY_GENERAL_32,
  MEMORY_INDEX,
  MEMORY_LOCK,
  NO_MEMORY,
  NO_MEMORY_67,
} from '../decode/form-table.js';
import { OpcodeKind } from '../decode/opcode-kind.js';
import { PREFIX_66, PREFIX_F2, PREFIX_F3 } from '../decode/opcode-lookup.js';
import { REX, REX_B, REX_R, REX_W, REX_X } from '../decode/rex.js';
import { Field, Handler, Join, RECORD_BYTES } from '../engine/record.js';
import {
  HIGH_BYTES,
  KEY_FACTOR,
  KeyBits,
  MOST_PREFIXES,
  OPCODE_KINDS,
  PAIR_HANDLERS,
  SlotBits,
  TEMPLATES,
  TEMPLATES_BITS,
  TEMPLATE_BYTES,
  TemplateField,
  TemplateFlag,
  Why,
} from '../engine/record-templates.js';
import * as at from '../state/layout.js';
import { Code } from '../wasm/encoding/code.js';
import type { WasmModule } from '../wasm/encoding/module.js';
import type { WasmMemoryInstruction } from '../wasm/encoding/opcodes.js';
import { Expression, Statements, Variable, constant, select } from '../wasm/functions/expression.js';

const NONE = -1;

const PARAMETERS = ['i32', 'i32', 'i64', 'i32', 'i32'] as const;

/**
 * Adds the quick decoder of runs: it decodes the usual instructions of 64-bit code to records, as decode/decoder.ts and
 * engine/record-writer.ts do, by the templates that these have filled in, and stops at all others.
 *
 *     decodeRecords(bytes, until, rip, record, last) → the place after the last record that it has written
 *
 * `bytes` is the host address of the first instruction, at `rip`; none is decoded from `until` on, behind which DECODER_READS more
 * bytes must be readable; records are written from `record` to below `last`. For what it leaves in memory see `Why`.
 */
export function addRunDecoder(module: WasmModule, exportName: string): void {
  module.add(module.type(PARAMETERS, ['i32']), new RunDecoder().emit(), exportName);
}

/**
 * Adds what finishes a run: fills in the tick counts and fuses pairs of instructions, from the end backwards: a branch is fused
 * with its comparison rather than the comparison with its predecessor.
 *
 *     finishRecords(first, end)
 */
export function addRunFinisher(module: WasmModule, exportName: string): void {
  const code = new Code(['i32', 'i32']);
  const to = new Statements(code);
  const [first, record] = [to.parameter('i32', 0), to.parameter('i32', 1)];
  const ticks = to.let(constant('i32', 0));
  /** The group of the next form, if a pair may end with it: it is neither evaluated nor the first of a pair. */
  const second = to.let(constant('i32', 0));
  const join = to.let(constant('i32', 0));
  const fused = to.let(constant('i32', 0));
  to.loop(() => {
    record.set(record.sub(RECORD_BYTES));
    join.set(loaded('i32.load16_u', record, Field.join));
    ticks.set(select(join.and(Join.endsBlock), constant('i32', 1), ticks.add(1)));
    store(to, 'i32.store16', record, Field.ticksToEnd, ticks);
    const ownGroup = (1 << Join.groupBits) - 1;
    to.if(
      loaded('i32.load16_u', record, Field.handler).equals(Handler.evaluate),
      () => second.set(constant('i32', 0)),
      () => {
        const firsts = join.shr(Join.groupBits).and(ownGroup).shl(Join.groupBits);
        fused.set(loaded('i32.load16_u', firsts.or(second).shl(1), PAIR_HANDLERS));
        to.if(fused, () => store(to, 'i32.store16', record, Field.handler, fused));
        second.set(select(fused, constant('i32', 0), join.and(ownGroup)));
      },
    );
    return record.above(first);
  });
  module.add(module.type(['i32', 'i32'], []), code, exportName);
}

class RunDecoder {
  private readonly code = new Code(PARAMETERS);
  private readonly to = new Statements(this.code);
  /** The host address of the next byte, and that of the instruction's first. */
  private readonly bytes = this.to.parameter('i32', 0);
  private readonly start = this.variable();
  private readonly record = this.to.parameter('i32', 3);
  /** REX as read, or converted from VEX; 0 if there is none. */
  private readonly rex = this.variable();
  /** PREFIX_66 and so on, and VEX_256. */
  private readonly prefixes = this.variable();
  private readonly vvvv = this.variable();
  private readonly override = this.variable();
  private readonly hasAddressSize = this.variable();
  private readonly lock = this.variable();
  /** The place of the opcode in the tables of opcodes. */
  private readonly opcode = this.variable();
  private readonly modRM = this.variable();

  emit(): Code {
    const { code, to, bytes, start, record } = this;
    const [until, rip, last] = [to.parameter('i32', 1), to.parameter('i64', 2), to.parameter('i32', 4)];
    const next = code.loop();
    start.set(bytes);
    to.if(bytes.atLeast(until).or(record.atLeast(last)), () => this.stop(Why.reached));
    this.readPrefixesAndOpcode();
    const kind = to.let(loaded('i32.load', this.opcode.shl(2), OPCODE_KINDS));
    to.if(kind.isZero(), () => this.stop(Why.kind, this.opcode));
    this.leaveIf(kind.and(OpcodeKind.isUsual).isZero());
    this.modRM.set(0xc0);
    to.if(kind.and(OpcodeKind.hasModRM), () => this.modRM.set(this.readByte()));
    const address = this.readAddress();
    const template = this.findTemplate(kind, address.addressing);
    const flags = to.let(loaded('i32.load8_u', template, TemplateField.flags));
    this.leaveIf(this.vvvv.isSet().and(flags.and(TemplateFlag.usesVvvv).isZero()));
    const immediate = this.readImmediate(template, flags);
    const second = this.readSecondImmediate(template);
    const length = to.let(bytes.sub(start));
    this.leaveIf(length.above(LONGEST_INSTRUCTION));
    rip.set(rip.add(length.wide()));
    to.if(address.isRipRelative, () => address.displacement.set(address.displacement.add(rip)));
    store(to, 'i64.store', record, Field.displacement, address.displacement);
    store(to, 'i64.store', record, Field.nextRip, rip);
    store(to, 'i64.store', record, Field.immediate, immediate);
    to.if(flags.and(TemplateFlag.holdsSecond), () => store(to, 'i32.store8', record, Field.secondImmediate, second));
    store(to, 'i32.store8', record, Field.scale, address.scale);
    store(to, 'i32.store8', record, Field.length, length);
    this.writeAddress(address);
    this.writeRegisters(template);
    store(to, 'i32.store16', record, Field.handler, loaded('i32.load16_u', template, TemplateField.handler));
    store(to, 'i32.store16', record, Field.join, loaded('i32.load16_u', template, TemplateField.join));
    record.set(record.add(RECORD_BYTES));
    start.set(bytes);
    to.if(flags.and(TemplateFlag.endsRun), () => this.stop(Why.ended));
    code.br(next).end();
    code.op('unreachable');
    return code;
  }

  private readPrefixesAndOpcode(): void {
    const { code, to, bytes, start, rex, prefixes, override, hasAddressSize, lock, vvvv, opcode } = this;
    for (const each of [rex, prefixes, hasAddressSize, lock, vvvv]) each.set(0);
    override.set(NONE);
    const byte = this.variable();
    const done = code.block();
    const again = code.loop();
    byte.set(this.readByte());
    this.leaveIf(bytes.sub(start).above(MOST_PREFIXES + 1));
    to.if(byte.and(0xf0).equals(REX), () => {
      rex.set(byte);
      code.br(again);
    });
    const effects: readonly (readonly [bytes: readonly number[], effect: () => unknown])[] = [
      [[0x66], () => prefixes.set(prefixes.or(PREFIX_66))],
      [[0xf3], () => prefixes.set(prefixes.and(PREFIX_66).or(PREFIX_F3))],
      [[0xf2], () => prefixes.set(prefixes.and(PREFIX_66).or(PREFIX_F2))],
      [[0x64], () => override.set(at.FS)],
      [[0x65], () => override.set(at.GS)],
      [[0x67], () => hasAddressSize.set(1)],
      [[0xf0], () => lock.set(MEMORY_LOCK)],
      [[0x26, 0x2e, 0x36, 0x3e], () => undefined],
    ];
    for (const [values, effect] of effects) {
      const is = values.map((value) => byte.equals(value)).reduce((a, b) => a.or(b));
      to.if(is, () => {
        effect();
        rex.set(0);
        code.br(again);
      });
    }
    code.br(done).end().end();
    to.if(
      byte.or(1).equals(0xc5),
      () => this.readVex(byte),
      () => {
        opcode.set(byte);
        to.if(byte.equals(0x0f), () => {
          opcode.set(this.readByte().or(0x100));
          to.if(opcode.equals(0x138), () => opcode.set(this.readByte().or(0x200)));
          to.if(opcode.equals(0x13a), () => opcode.set(this.readByte().or(0x300)));
        });
      },
    );
  }

  private readVex(first: Variable): void {
    const { to, rex, prefixes, vvvv, opcode } = this;
    this.leaveIf(rex.or(prefixes).or(this.lock));
    const fields = to.let(this.readByte());
    const map = to.let(constant('i32', 1));
    const bitUnless = (mask: number, bit: number): Expression =>
      select(fields.and(mask), constant('i32', 0), constant('i32', bit));
    rex.set(bitUnless(0x80, REX_R).or(REX));
    to.if(first.equals(0xc4), () => {
      map.set(fields.and(0x1f));
      this.leaveIf(map.sub(1).above(2));
      rex.set(rex.or(bitUnless(0x40, REX_X)).or(bitUnless(0x20, REX_B)));
      fields.set(this.readByte());
      rex.set(rex.or(select(fields.and(0x80), constant('i32', REX_W), constant('i32', 0))));
    });
    const selected = fields.and(3);
    prefixes.set(select(selected.equals(3), constant('i32', PREFIX_F2), selected).or(fields.and(4).shl(1)));
    vvvv.set(fields.xor(-1).shr(3).and(15));
    opcode.set(this.readByte().or(map.shl(8)).or(0x400));
  }

  /** Reads the address, if ModRM names memory. */
  private readAddress(): Address {
    const { to, modRM, rex, override, lock, hasAddressSize } = this;
    const [base, index, scale, isRipRelative, addressing] = [NONE, NONE, 0, 0, NO_MEMORY].map((value) =>
      to.let(constant('i32', value)),
    ) as [Variable, Variable, Variable, Variable, Variable];
    const displacement = to.let(constant('i64', 0));
    to.if(
      modRM.below(0xc0),
      () => {
        const mod = modRM.shr(6);
        const rm = modRM.and(7);
        const bytes = to.let(select(mod.equals(2), constant('i32', 4), mod));
        const rexB = rex.and(REX_B).shl(3);
        to.if(
          rm.equals(at.RSP),
          () => {
            const sib = to.let(this.readByte());
            index.set(sib.shr(3).and(7).or(rex.and(REX_X).shl(2)));
            to.if(
              index.equals(at.RSP),
              () => index.set(NONE),
              () => scale.set(sib.shr(6)),
            );
            to.if(
              sib.and(7).equals(at.RBP).and(mod.isZero()),
              () => bytes.set(4),
              () => base.set(sib.and(7).or(rexB)),
            );
          },
          () =>
            to.if(
              rm.equals(at.RBP).and(mod.isZero()),
              () => {
                isRipRelative.set(1);
                bytes.set(4);
              },
              () => base.set(rm.or(rexB)),
            ),
        );
        to.if(bytes.equals(1), () => displacement.set(signed(this.readByte(), 24).wideSigned()));
        to.if(bytes.equals(4), () => displacement.set(this.read('i32.load', 4).wideSigned()));
        addressing.set(select(index.less(0), constant('i32', MEMORY_BASE), constant('i32', MEMORY_INDEX)));
        to.if(override.differs(NONE), () => addressing.set(MEMORY_GENERAL));
        to.if(hasAddressSize, () => addressing.set(MEMORY_GENERAL_32));
        addressing.set(addressing.add(lock));
      },
      () => {
        this.leaveIf(lock);
        to.if(hasAddressSize, () => addressing.set(NO_MEMORY_67));
      },
    );
    return { base, index, scale, isRipRelative, displacement, addressing };
  }

  /** Finds the template, or stops with its key. */
  private findTemplate(kind: Variable, addressing: Variable): Variable {
    const { to, opcode, prefixes, rex, modRM } = this;
    const rexB = rex.and(kind.and(OpcodeKind.usesRexB).isSet());
    const parts: readonly (readonly [Expression, number])[] = [
      [prefixes, KeyBits.prefixesShift],
      [rex.and(REX_W).isSet(), KeyBits.rexWShift],
      [addressing, KeyBits.addressingShift],
      [modRM.and(kind.shr(OpcodeKind.modRMShift)), KeyBits.modRMShift],
      [rexB, KeyBits.rexBShift],
    ];
    const key = to.let(parts.reduce<Expression>((sum, [part, shift]) => sum.or(part.shl(shift)), opcode));
    key.set(key.or(KeyBits.isKey));
    const place = to.let(
      key
        .mul(KEY_FACTOR | 0)
        .shr(32 - TEMPLATES_BITS)
        .mul(TEMPLATE_BYTES),
    );
    const template = to.let(place.add(TEMPLATES));
    to.if(loaded('i32.load', template, TemplateField.key).differs(key), () => {
      template.set(template.xor(TEMPLATE_BYTES));
      to.if(loaded('i32.load', template, TemplateField.key).differs(key), () => this.stop(Why.template, key));
    });
    return template;
  }

  private readImmediate(template: Variable, flags: Variable): Variable {
    const { to } = this;
    const count = to.let(loaded('i32.load8_u', template, TemplateField.immediateBytes));
    const immediate = to.let(constant('i64', 0));
    const isSigned = flags.and(TemplateFlag.immediateSigned);
    /** Whether sign or zeros are extended is decided by shifts: the bits above are lost, and brought back. */
    const extended = (value: Expression, bits: number): Expression => {
      const wide = to.let(value.wide());
      return select(isSigned, wide.shl(64 - bits).binary('shr_s', 64 - bits), wide);
    };
    to.if(count, () => {
      to.if(
        count.equals(1),
        () => immediate.set(extended(this.readByte(), 8)),
        () =>
          to.if(
            count.equals(4),
            () => immediate.set(extended(this.read('i32.load', 4), 32)),
            () =>
              to.if(
                count.equals(2),
                () => immediate.set(extended(this.read('i32.load16_u', 2), 16)),
                () => immediate.set(this.read('i64.load', 8)),
              ),
          ),
      );
    });
    return immediate;
  }

  private readSecondImmediate(template: Variable): Variable {
    const { to } = this;
    const second = to.let(constant('i32', 0));
    const count = to.let(loaded('i32.load8_u', template, TemplateField.secondBytes));
    to.if(count, () => {
      second.set(loaded('i32.load8_u', this.bytes, 0));
      this.bytes.set(this.bytes.add(count));
    });
    return second;
  }

  private writeAddress({ base, index }: Address): void {
    const { to, record, override } = this;
    const register = (number: Expression): Expression =>
      select(number.equals(NONE), constant('i32', at.ZERO), number.shl(3).add(at.GPR));
    store(to, 'i32.store16', record, Field.base, register(base));
    store(to, 'i32.store16', record, Field.index, register(index));
    const isOnStack = base.equals(at.RSP).or(base.equals(at.RBP));
    const byBase = select(isOnStack, constant('i32', at.SS), constant('i32', at.DS));
    const segment = select(override.equals(NONE), byBase, override);
    store(to, 'i32.store16', record, Field.segmentBase, segment.shl(3).add(at.SEGMENT_BASE));
  }

  /** Writes the addresses or numbers of registers that are operands. */
  private writeRegisters(template: Variable): void {
    const { to, record, rex, modRM, opcode, vvvv } = this;
    const slot = this.variable();
    const number = this.variable();
    const value = this.variable();
    // An opcode without ModRM names a register in its low bits; ModRM is C0h then.
    const low = select(loaded('i32.load', opcode.shl(2), OPCODE_KINDS).and(OpcodeKind.hasModRM), modRM, opcode);
    const sources: readonly (readonly [number, Expression])[] = [
      [SlotBits.reg, modRM.shr(3).and(7).or(rex.and(REX_R).shl(1))],
      [SlotBits.rm, low.and(7).or(rex.and(REX_B).shl(3))],
      [SlotBits.vvvv, vvvv],
    ];
    TemplateField.slots.forEach((field, operand) => {
      slot.set(loaded('i32.load', template, field));
      to.if(slot, () => {
        number.set(0);
        for (const [source, its] of sources)
          to.if(slot.and(SlotBits.source).equals(source), () =>
            number.set(its.and(slot.shr(SlotBits.maskShift)).and(15)),
          );
        value.set(slot.shr(SlotBits.baseShift).add(number.shl(slot.shr(SlotBits.stepShift).and(15))));
        const isHigh = slot.and(SlotBits.isByte).isSet().and(rex.isZero()).and(number.shr(2).equals(1));
        to.if(isHigh, () => value.set(slot.shr(SlotBits.baseShift).add(number.sub(4).shl(3)).add(HIGH_BYTES)));
        store(to, 'i32.store16', record, Field.operands[operand]!, value);
      });
    });
  }

  private readByte(): Expression {
    return this.read('i32.load8_u', 1);
  }
  /** The bytes that come next; reading them moves on, so that the expression must be used once. */
  private read(name: WasmMemoryInstruction, count: number): Expression {
    const { bytes } = this;
    bytes.set(bytes.add(count));
    return loaded(name, bytes.sub(count), 0);
  }

  /** Stops before an instruction that is left to the decoder. */
  private leaveIf(condition: Expression): void {
    this.to.if(condition, () => this.stop(Why.unusual));
  }
  private stop(why: number, key?: Expression): void {
    const { to, start, record } = this;
    to.store('i32.store', at.DECODED_TO, start);
    to.store('i32.store', at.DECODED_WHY, constant('i32', why));
    if (key) to.store('i32.store', at.DECODED_KEY, key);
    to.return(record);
  }

  private variable(): Variable {
    return new Variable('i32', this.code, this.code.newLocal('i32'));
  }
}

/** A memory operand as it was read; the addressing is one such as MEMORY_BASE, with MEMORY_LOCK. */
interface Address {
  readonly base: Variable;
  readonly index: Variable;
  readonly scale: Variable;
  readonly isRipRelative: Variable;
  readonly displacement: Variable;
  readonly addressing: Variable;
}

function signed(value: Expression, shift: number): Expression {
  return value.shl(shift).binary('shr_s', shift);
}

function loaded(name: WasmMemoryInstruction, address: Expression, offset: number): Expression {
  return new Expression(name.startsWith('i64') ? 'i64' : 'i32', (code) => {
    address.push(code);
    code.memory(name, offset);
  });
}

function store(
  to: Statements,
  name: WasmMemoryInstruction,
  address: Expression,
  offset: number,
  value: Expression,
): void {
  address.push(to.code);
  value.push(to.code);
  to.code.memory(name, offset);
}
