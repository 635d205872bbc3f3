import { PAGE_SIZE } from '../../bits.js';
import { HOST_LAYOUT, type GuestMemory } from '../../memory.js';
import type { InstructionFetcher } from '../decode/fetch.js';
import type { Instruction } from '../decode/instruction.js';
import { DECODED_KEY, DECODED_TO, DECODED_WHY } from '../state/layout.js';
import type { CodeStops } from '../stops.js';
import type { RecordsOfPage } from './decoded-page.js';
import type { FormRules } from './engine-cpu.js';
import { Field, Handler, Join, RECORD_BYTES } from './record.js';
import { plansFor, type HandlerNumbers, type RecordPlans } from './record-plan.js';
import { DECODER_READS, PAIR_HANDLERS, RecordTemplates, Why } from './record-templates.js';
import { RecordWriter } from './record-writer.js';

/** The generated functions of interpreter/run-decoder.ts. */
export interface RecordFunctions {
  readonly decodeRecords: (bytes: number, until: number, rip: bigint, record: number, last: number) => number;
  readonly finishRecords: (first: number, end: number) => void;
}

/** What makes that an instruction is not decoded as usual. */
export interface DecodingRules {
  /** Instructions with a code stop are left to the evaluator. */
  readonly codeStops: Pick<CodeStops, 'isEmpty' | 'has'>;
  /** So are, while these rules are strict, those that they look at. */
  readonly rules?: FormRules | undefined;
}

/** Maximum number of instructions decoded at a time. */
export const LONGEST_RUN = 256;

/** Instructions that begin so near to the end of a page are left to the TypeScript decoder, which stops there. */
const QUICK_END = PAGE_SIZE - DECODER_READS;

/** Decodes runs of instructions into records: usual ones in generated code, others, and the first of each kind, in TypeScript. */
export class RunDecoder {
  private readonly view: DataView;
  private readonly host32: Int32Array;
  private readonly plans: RecordPlans;
  private readonly writer: RecordWriter;
  private readonly templates: RecordTemplates;

  constructor(
    memory: GuestMemory,
    private readonly fetcher: InstructionFetcher,
    handlers: HandlerNumbers,
    private readonly functions: RecordFunctions,
    private readonly exceptions: DecodingRules,
  ) {
    this.view = memory.hostView;
    this.host32 = memory.host32;
    this.plans = plansFor(handlers);
    this.writer = new RecordWriter(memory.hostView, this.plans);
    this.templates = new RecordTemplates(memory);
    new Uint16Array(memory.hostView.buffer, PAIR_HANDLERS).set(this.plans.handlersOfGroups);
  }

  /** The handlers of fused pairs. */
  get pairHandlers(): ReadonlySet<number> {
    return this.plans.ofPairs;
  }

  /**
   * Decodes from a physical address, which is that of an offset in a linear page, to an unconditional jump, a known instruction,
   * bytes that are no instruction within the page, or its end. Writes the records from `first` on, unfinished, and returns the
   * place behind the last one.
   */
  decode(first: number, page: bigint, known: RecordsOfPage, physical: number): number {
    const { templates, fetcher, writer, host32 } = this;
    const last = first + LONGEST_RUN * RECORD_BYTES;
    const frame = physical - (physical % PAGE_SIZE);
    let quickEnd = this.isQuick(frame) ? QUICK_END : 0;
    let record = first;
    let offset = physical - frame;
    while (record < last && offset < PAGE_SIZE && (record === first || !known.has(offset))) {
      let missing = 0;
      if (offset < quickEnd) {
        const host = HOST_LAYOUT.ram + frame;
        const until = host + Math.min(quickEnd, known.gapAfter(offset));
        record = this.functions.decodeRecords(host + offset, until, page + BigInt(offset), record, last);
        offset = host32[DECODED_TO >> 2]! - host;
        const why = host32[DECODED_WHY >> 2]!;
        if (why === Why.ended) return record;
        if (why === Why.kind) templates.addKind(host32[DECODED_KEY >> 2]!);
        if (why === Why.kind || why === Why.reached) continue;
        if (why === Why.template) missing = host32[DECODED_KEY >> 2]!;
      }
      const instruction = fetcher.decodeInPage(frame + offset);
      if (typeof instruction === 'string') break;
      if (missing !== 0) templates.add(missing, instruction, this.plans.of(instruction.form));
      writer.write(record, page, offset, instruction);
      this.leaveToEvaluator(record, page + BigInt(offset), instruction);
      record += RECORD_BYTES;
      offset += instruction.length;
      if (this.plans.of(instruction.form).endsRun) break;
    }
    return record;
  }

  /** Writes the record of an instruction that crosses into the next page. */
  writeCrossing(record: number, rip: bigint, page: bigint, instruction: Instruction): void {
    this.writer.write(record, page, Number(rip - page), instruction);
    this.leaveToEvaluator(record, rip, instruction);
  }

  /** The handler of the instruction at a physical address; that of the evaluator if there is none within the page. */
  handlerAt(physical: number): number {
    const instruction = this.fetcher.decodeInPage(physical);
    return typeof instruction === 'string' ? Handler.evaluate : this.plans.of(instruction.form).handler;
  }

  /** Fills in what depends on several records of a run. */
  finish(first: number, end: number): void {
    this.functions.finishRecords(first, end);
  }

  /** Whether generated code may decode in a frame: 64-bit code, in memory, without exceptions. */
  private isQuick(frame: number): boolean {
    const { decoder } = this.fetcher;
    const { codeStops, rules } = this.exceptions;
    if (decoder.mode !== 64 || !codeStops.isEmpty || rules?.isStrict === true) return false;
    this.templates.use(decoder);
    return frame + PAGE_SIZE <= this.host32.byteLength - HOST_LAYOUT.ram;
  }

  private leaveToEvaluator(record: number, rip: bigint, { form }: Instruction): void {
    const { codeStops, rules } = this.exceptions;
    const isException =
      (!codeStops.isEmpty && codeStops.has(rip)) || (rules?.isStrict === true && rules.concerns(form));
    if (isException) this.view.setUint16(record + Field.handler, Handler.evaluate, true);
  }
}

/** Whether the record of a run that is not finished yet is that of a branch to an address that it holds. */
export function isDirectBranch(view: DataView, record: number): boolean {
  return (view.getUint16(record + Field.join, true) & Join.isDirectBranch) !== 0;
}
