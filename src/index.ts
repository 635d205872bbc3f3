/** The public API of bd0. */
export { Computer } from './computer.js';
export type { ComputerOptions, Outcome, RunLimits, Statistics } from './computer.js';
export type { CpuState } from './cpu/state/cpu-state.js';
export type { CodeStore } from './cpu/translator/cache/code-record.js';
export type {
  TranslatedInstruction,
  TranslationEvent,
  TranslationHook,
  TranslationStats,
} from './cpu/translator/events.js';
export type { Compilation, TranslationThreshold } from './cpu/translator/options.js';
export type { Console } from './kernel/terminal/console.js';
export { ElfError } from './kernel/program/elf-fields.js';
export { Errno, KernelError, errnoName } from './kernel/errors.js';
export type { FaultEvent, InputEvent, KernelCallEvent, KernelHooks } from './kernel/hooks.js';
export type { StartOptions } from './kernel/program/loader.js';
export type { MemoryAccess } from './kernel/memory/mapping.js';
export { MemoryNames, isName, sortedNames } from './kernel/names.js';
export type { ExpectedContent, MakeNameSpace, NameInput, NameSpace, PublishOutcome } from './kernel/names.js';
export type { FaultOutcome } from './kernel/memory/pager.js';
export type { Process, ProcessEnd } from './kernel/tasks/process.js';
export type { Thread } from './kernel/tasks/thread.js';
export { describeSpuriousWrite, describeStores } from './kernel/reports/spurious-write.js';
export type { SpuriousBytes, SpuriousWrite, SpuriousWriteVerdict } from './kernel/reports/spurious-write.js';
export type { Surroundings } from './kernel/reports/surroundings.js';
export { describeTrap, trapOfSpuriousWrite } from './kernel/reports/trap-report.js';
export type { RefusedAccess, TrapReport } from './kernel/reports/trap-report.js';
export type { WriteBackCounters } from './kernel/memory/write-back.js';
export type { HashFunction } from './vmo/content/canonical-form.js';
export { VmoBuilder } from './vmo/content/builder.js';
export { exportRecords, exportVmo } from './vmo/records/canonical-stream.js';
export { CanonicalStreamReader } from './vmo/records/canonical-stream-reader.js';
export type { ReadVmo, StreamReaderOptions } from './vmo/records/canonical-stream-reader.js';
export { CanonicalStreamError, MissingRecordError, VmoHandleError, VmoRangeError } from './vmo/errors.js';
export type { FrameCounters } from './vmo/frames/frame-pool.js';
export { VmoHandle, VmoPage } from './vmo/handle.js';
export { prove, verifyProof } from './vmo/records/inclusion-proof.js';
export type { PageRange } from './vmo/content/page-difference.js';
export { DamagedRecordError } from './vmo/records/record-store.js';
export type { ContentKind, NameStore, RecordStore, Reference } from './vmo/records/record-store.js';
export { VmoStore } from './vmo/store.js';
export type { Patch, VmoCounters } from './vmo/store.js';
