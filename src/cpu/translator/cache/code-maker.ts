import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '../../../bits.js';
import type { Instruction } from '../../decode/instruction.js';
import { Code } from '../../wasm/encoding/code.js';
import { WasmModule } from '../../wasm/encoding/module.js';
import { hasTailCalls } from '../../wasm/encoding/tail-calls.js';
import { CodeCache } from './code-cache.js';
import { codeContent } from './code-key.js';
import { decodeRecord, encodeRecord, type CodeRecord } from './code-record.js';
import { REGION_TYPE } from '../region-entries.js';
import type { TranslatedInstruction } from '../events.js';
import { DEFAULT_CODE_BUDGET_BYTES, DEFAULT_MOST_IN_LOCALS, type TranslatorOptions } from '../options.js';
import type { CompiledCode, RegionFunction } from './region-table.js';
import { sizeOf } from '../compile/region.js';
import { translate } from '../compile/translate.js';
import type { CodeSource } from '../compile/translation.js';

/** Every browser compiles modules up to this size synchronously on its main thread. */
const MOST_BYTES_AT_ONCE = 4096;

/** A record to compile; `translated` is known if it was translated just now. */
interface Draft {
  readonly record: CodeRecord;
  readonly translated: { readonly instructions: readonly TranslatedInstruction[]; readonly base: bigint } | undefined;
  readonly reason: string;
  readonly milliseconds: number;
}

/** Makes the code of regions: what has equal content is found in the cache, else in the store, else it is translated. */
export class CodeMaker {
  readonly cache = new CodeCache();
  readonly counts = {
    ...{ modulesInAll: 0, wasmBytesInAll: 0, instructionsTranslated: 0, hitsByContent: 0, hitsInStore: 0 },
    ...{ millisecondsGenerating: 0, millisecondsCompiling: 0 },
  };
  private readonly records = new WeakMap<CompiledCode, CodeRecord>();
  private readonly making = new Map<string, Promise<CompiledCode>>();
  private readonly hash: (data: Uint8Array) => Uint8Array;
  private readonly now: () => number;

  constructor(
    private readonly ram: Uint8Array,
    private readonly imports: WebAssembly.Imports,
    private readonly compiles: (instruction: Instruction) => boolean,
    private readonly options: TranslatorOptions,
  ) {
    this.hash = options.sha256 ?? sha256;
    this.now = options.now ?? (() => 0);
  }

  /** Bytes of modules that may be kept. */
  get budgetBytes(): number {
    return this.options.codeBudgetBytes ?? DEFAULT_CODE_BUDGET_BYTES;
  }

  /** The code of a region, now or when the host has compiled it. The promise fails only where the host refuses a module. */
  make(
    found: Omit<CodeSource, 'inState' | 'tailCalls' | 'hasTlbSets'>,
    reason: string,
  ): CompiledCode | Promise<CompiledCode> {
    const { mostInLocals = DEFAULT_MOST_IN_LOCALS, tailCalls = true, hasTlbSets = false } = this.options;
    const source = {
      ...{ ...found, inState: sizeOf(found.region) > mostInLocals },
      tailCalls: tailCalls && hasTailCalls(),
      hasTlbSets,
    };
    const key = this.hash(codeContent(source, this.ram, this.compiles));
    const name = bytesToHex(key);
    const known = this.cache.find(name) ?? this.making.get(name);
    if (known) this.counts.hitsByContent++;
    return known ?? this.makeNew(source, key, name, reason);
  }

  private makeNew(
    source: CodeSource,
    key: Uint8Array,
    name: string,
    reason: string,
  ): CompiledCode | Promise<CompiledCode> {
    const stored = this.restore(key);
    const translation = (): Draft => this.translate(source, key, reason);
    const draft = stored ?? translation();
    if (!this.isLarge(draft.record.bytes)) return this.compileOr(draft, stored && translation);
    const later = this.compileLater(draft)
      .catch((error: unknown) => {
        if (!stored) throw error;
        return this.compileLater(translation());
      })
      .finally(() => this.making.delete(name));
    this.making.set(name, later);
    return later;
  }

  private isLarge(bytes: Uint8Array): boolean {
    const { compilation = 'sync' } = this.options;
    if (compilation === 'auto') return bytes.length > MOST_BYTES_AT_ONCE && 'document' in globalThis;
    return compilation === 'async';
  }

  /** What the store has, if it is what it should be. */
  private restore(key: Uint8Array): Draft | undefined {
    try {
      const encoded = this.options.store?.get(key);
      const record = encoded && decodeRecord(encoded, key, this.hash);
      if (!record || !WebAssembly.validate(record.bytes as BufferSource)) return undefined;
      return { record, translated: undefined, reason: '', milliseconds: 0 };
    } catch {
      return undefined;
    }
  }

  private translate(source: CodeSource, key: Uint8Array, reason: string): Draft {
    const before = this.now();
    const { bytes, entries, minimumTicks, bestEntries, instructions } = translate(source, this.compiles);
    const signed = (distance: bigint): bigint => BigInt.asIntN(64, distance);
    const record: CodeRecord = {
      ...{ key, minimumTicks, bytes },
      entries: entries.map(signed),
      bestEntries: new Map([...bestEntries].map(([block, entry]) => [signed(block), signed(entry)])),
    };
    const milliseconds = this.now() - before;
    this.counts.millisecondsGenerating += milliseconds;
    this.counts.instructionsTranslated += instructions.length;
    return { record, translated: { instructions, base: source.base }, reason, milliseconds };
  }

  /** Compiles what was stored, or what comes of translating anew if that does not fit. */
  private compileOr(draft: Draft, translation: (() => Draft) | undefined): CompiledCode {
    const before = this.now();
    try {
      const module = new WebAssembly.Module(draft.record.bytes as BufferSource);
      const instance = new WebAssembly.Instance(module, this.imports);
      return this.finish(draft, { module, instance }, this.now() - before);
    } catch (error) {
      if (!translation) throw error;
      return this.compileOr(translation(), undefined);
    }
  }

  private async compileLater(draft: Draft): Promise<CompiledCode> {
    const before = this.now();
    const compiled = await WebAssembly.instantiate(draft.record.bytes as BufferSource, this.imports);
    return this.finish(draft, compiled, this.now() - before);
  }

  /** Adds compiled code to the cache; reports and stores new translations. Throws if a module has the wrong type. */
  private finish(
    draft: Draft,
    { module, instance }: WebAssembly.WebAssemblyInstantiatedSource,
    milliseconds: number,
  ): CompiledCode {
    const { record, translated } = draft;
    const { key, entries, minimumTicks, bestEntries, bytes } = record;
    const { exports } = instance;
    if (!translated) requireRegion(exports, this.imports);
    const run = exports['run'] as RegionFunction;
    const code = { key: bytesToHex(key), entries, minimumTicks, bestEntries, wasmBytes: bytes.length, module, run };
    const { counts } = this;
    counts.millisecondsCompiling += milliseconds;
    counts.modulesInAll++;
    counts.wasmBytesInAll += bytes.length;
    if (translated) this.publish(draft, milliseconds);
    else counts.hitsInStore++;
    const known = this.cache.add(code);
    if (this.options.keeper) this.records.set(known, record);
    return known;
  }

  /** The code of a region that was kept; undefined if the host refuses it. */
  makeKept(record: CodeRecord, compile: () => WebAssembly.Module): CompiledCode | undefined {
    const known = this.cache.find(bytesToHex(record.key));
    if (known) return known;
    const before = this.now();
    try {
      const module = compile();
      const instance = new WebAssembly.Instance(module, this.imports);
      const draft = { record, translated: undefined, reason: '', milliseconds: 0 };
      return this.finish(draft, { module, instance }, this.now() - before);
    } catch {
      return undefined;
    }
  }

  /** What code was compiled from, where that can be kept. */
  recordOf(code: CompiledCode): CodeRecord | undefined {
    return this.records.get(code);
  }

  private publish({ record, translated, reason, milliseconds: generating }: Draft, compiling: number): void {
    try {
      this.options.store?.put(record.key, encodeRecord(record, this.hash));
    } catch {
      // What cannot be kept is translated again in the next run.
    }
    if (!translated || !this.options.onTranslated) return;
    const { instructions, base } = translated;
    const entries = record.entries.map((offset) => BigInt.asUintN(64, base + offset));
    const milliseconds = generating + compiling;
    this.options.onTranslated({ base, instructions, bytes: record.bytes, entries, milliseconds, reason });
  }
}

let probe: WebAssembly.Module | undefined;

/** Throws unless a module exports one function, with the type of regions, which importing it checks. */
function requireRegion(exports: WebAssembly.Exports, imports: WebAssembly.Imports): void {
  if (Object.keys(exports).join() !== 'run') throw new TypeError('a stored module has not the exports of a region');
  probe ??= new WebAssembly.Module(probeModule() as BufferSource);
  new WebAssembly.Instance(probe, { bd0: { ...imports['bd0'], run: exports['run'] as WebAssembly.ExportValue } });
}

function probeModule(): Uint8Array {
  const module = new WasmModule();
  module.importFunction('run', module.type(REGION_TYPE.parameters, REGION_TYPE.results));
  module.add(module.type([], []), new Code([]), 'nothing');
  return module.encode(1);
}
