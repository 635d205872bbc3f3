/** The decoder of runs, without the machine around it. */
import { Decoder } from '../../src/cpu/decode/decoder.js';
import { InstructionFetcher } from '../../src/cpu/decode/fetch.js';
import { RecordsOfPage } from '../../src/cpu/engine/decoded-page.js';
import { Field, RECORDS_START, RECORD_BYTES } from '../../src/cpu/engine/record.js';
import { RunDecoder, type RecordFunctions } from '../../src/cpu/engine/run-decoder.js';
import { Interpreter, generatedInterpreter } from '../../src/cpu/interpreter/interpreter.js';
import { GuestMemory } from '../../src/memory.js';
import { Mmu } from '../../src/mmu/mmu.js';

export interface RunDecoding {
  readonly runs: RunDecoder;
  readonly view: DataView;
  /** How many records generated code has written. */
  readonly quickRecords: () => number;
  /** Writes bytes to physical memory. */
  readonly put: (bytes: ArrayLike<number>, physical?: number) => void;
  /** Decodes what is at a physical address, as if it were at a linear page; returns the place after the last record. */
  readonly decode: (physical?: number, page?: bigint, known?: readonly number[]) => number;
}

/** `isQuick`: whether generated code decodes what it can; else TypeScript does alone. */
export function runDecoderOver(bytes: readonly number[], isQuick = true): RunDecoding {
  const memory = new GuestMemory(16 * 4096);
  const fetcher = new InstructionFetcher(memory, new Mmu(memory), new Decoder());
  const codeStops = { isEmpty: isQuick, has: (): boolean => false };
  const { writers } = new Interpreter(memory);
  let quickRecords = 0;
  const decodeRecords: RecordFunctions['decodeRecords'] = (bytes, until, rip, record, last) => {
    const end = writers.decodeRecords(bytes, until, rip, record, last);
    quickRecords += (end - record) / RECORD_BYTES;
    return end;
  };
  const runs = new RunDecoder(memory, fetcher, generatedInterpreter(), { ...writers, decodeRecords }, { codeStops });
  memory.ram.set(bytes);
  return {
    runs,
    view: memory.hostView,
    quickRecords: () => quickRecords,
    put: (bytes, physical = 0) => memory.ram.set(bytes, physical),
    decode: (physical = 0, page = 0x1_2345_6000n, known = []) => {
      const records = new RecordsOfPage();
      for (const offset of known) records.set(offset, RECORDS_START);
      return runs.decode(RECORDS_START, page, records, physical);
    },
  };
}

/** What records say, up to a place: all fields but the target, which is not known yet. */
export function recordsUpTo({ view }: RunDecoding, end: number): string[] {
  const records: string[] = [];
  for (let record = RECORDS_START; record < end; record += RECORD_BYTES) {
    const bytes = new Uint8Array(view.buffer, record, RECORD_BYTES);
    const fields = [...bytes.subarray(Field.operands[0], Field.target), ...bytes.subarray(Field.scale)];
    records.push(`${view.getUint16(record, true)}: ${fields.join(' ')}`);
  }
  return records;
}
