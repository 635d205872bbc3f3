/** The public API of bd0, in groups; docs/library.md has an example for each. It needs nothing from its host. */

// The machine.
export { Computer } from './computer.js';
export type { ComputerParts } from './computer.js';
export type { ComputerOptions, Outcome, ResumeOptions, RunLimits, Statistics } from './computer-options.js';
export type { Snapshot } from './snapshot.js';
export { SavedSnapshotError } from './state/saved-values.js';
export { isSavedSnapshot } from './saved-snapshot.js';
export { MAX_RAM_BYTES as MAX_MEMORY_BYTES } from './memory.js';
export { LARGEST_REGION_BYTES } from './kernel/memory/address-space.js';
export type { Engine } from './cpu/cpu.js';
export type { CpuModel } from './cpu/state/model.js';
export type { CpuState } from './cpu/state/cpu-state.js';
export type { Compilation, TranslationThreshold } from './cpu/translator/options.js';
export type { CodeKeeper, KeptCode, KeptRegion, KeptSamples } from './cpu/translator/kept/code-keeper.js';
export { CODE_VERSION } from './cpu/translator/cache/code-key.js';
export type { CodeStore } from './cpu/translator/cache/code-record.js';
export type {
  TranslatedInstruction,
  TranslationEvent,
  TranslationHook,
  TranslationStats,
} from './cpu/translator/events.js';
export type { FrameCounters } from './vmo/frames/frame-pool.js';
export type { WriteBackCounters } from './kernel/memory/write-back.js';
export { HostMemoryError, type HostMemoryCounters } from './kernel/host-memory.js';

// The kernel: programs, the console, hooks, errors.
export type { LinuxOptions, StartOptions } from './kernel/program/loader.js';
export type { Process, ProcessEnd } from './kernel/tasks/process.js';
export type { Thread } from './kernel/tasks/thread.js';
export type { Clock } from './kernel/kernel-options.js';
export type { MachineStop } from './kernel/stops.js';
export type { Console, ConsoleInput } from './kernel/terminal/console.js';
export type { FaultEvent, InputEvent, KernelCallEvent, KernelCallStart, KernelHooks } from './kernel/hooks.js';
export type { MemoryAccess } from './kernel/memory/mapping.js';
export type { FaultOutcome } from './kernel/memory/pager.js';
export { Errno, KernelError, errnoName } from './kernel/errors.js';
export { ElfError } from './kernel/program/elf-fields.js';
export { abiOf, type ProgramAbi } from './kernel/program/elf.js';
export { LinuxErrno } from './kernel/linux/errno.js';
export type { ChangedFile, FileAspect, FileVersion } from './kernel/linux/files/changes.js';
export type { LinuxRoot, MakeLinuxRoot, RootEntry, RootStatus } from './kernel/linux/files/tree/linux-root.js';
export { MemoryNames, isName, sortedNames } from './kernel/names.js';
export type { ExpectedContent, MakeNameSpace, NameInput, NameSpace, PublishOutcome } from './kernel/names.js';

// Bare machines: kernels that nobody here wrote.
export { Board } from './board.js';
export type { BoardEvent, BoardOptions, BoardResumeOptions } from './board.js';
export type { BoardNetwork } from './network/board-network.js';
export type { NetworkAccount, NetworkHost, NetworkNews } from './network/network-host.js';
export type { UserNetwork } from './network/user-network.js';
export type { BoardDisk } from './devices/disks.js';
export { VIRTIO_KINDS, type VirtioKind } from './devices/pci/pci-devices.js';
export { boot } from './boot/boot.js';
export type { BootFiles } from './boot/boot.js';
export { BootError } from './boot/boot-error.js';
export { bootProtocolOf } from './boot/protocol.js';

// VMOs: content identified by its hash.
export { VmoStore } from './vmo/store.js';
export type { Patch, VmoCounters } from './vmo/store.js';
export { VmoHandle, VmoPage } from './vmo/handle.js';
export { VmoBuilder } from './vmo/content/builder.js';
export { ContentHasher } from './vmo/content/content-hasher.js';
export type { PageRange } from './vmo/content/page-difference.js';
export { MAX_LENGTH as MAX_VMO_BYTES } from './vmo/content/canonical-form.js';
export type { HashFunction } from './vmo/content/canonical-form.js';
export { PAGE_SIZE } from './bits.js';
export { VmoHandleError, VmoRangeError } from './vmo/errors.js';

// Records: how VMOs are stored and sent.
export { exportRecords, exportVmo } from './vmo/records/canonical-stream.js';
export { CanonicalStreamReader } from './vmo/records/canonical-stream-reader.js';
export type { ReadVmo, StreamReaderOptions } from './vmo/records/canonical-stream-reader.js';
export { RecordTree, zeroSubtree } from './vmo/records/record-tree.js';
export type { PageRun, RecordSource } from './vmo/records/record-tree.js';
export { prove, verifyProof } from './vmo/records/inclusion-proof.js';
export { DamagedRecordError } from './vmo/records/record-store.js';
export type { ContentKind, NameStore, RecordStore, Reference } from './vmo/records/record-store.js';
export { CanonicalStreamError, MissingRecordError } from './vmo/errors.js';

// Work in steps, between which the host can do something else.
export type { Steps } from './vmo/steps.js';

// Debugging: readable reports of events.
export { describeTrap, trapOfSpuriousWrite } from './kernel/reports/trap-report.js';
export type { RefusedAccess, TrapReport } from './kernel/reports/trap-report.js';
export { describeSpuriousWrite, describeStores } from './kernel/reports/spurious-write.js';
export type { SpuriousBytes, SpuriousWrite, SpuriousWriteVerdict } from './kernel/reports/spurious-write.js';
export type { Surroundings } from './kernel/reports/surroundings.js';
export { timeCommands } from './debug/gdb/monitor/time-commands.js';
export { BoardMachine } from './debug/machine/board-machine.js';
export type { BoardProgram } from './debug/machine/board-machine.js';
export { boardEnd } from './debug/machine/board-end.js';
export { isElf64 } from './boot/elf.js';
export type { DebuggedMachine, MachineProcess, MachineThread } from './debug/machine/debugged-machine.js';
export { attachTimeline } from './debug/timeline/timeline.js';
export type { Timeline, TimelineOptions } from './debug/timeline/timeline.js';
export type { StoreRecord } from './debug/timeline/past.js';

// Record and replay.
export { attachRecorder } from './debug/recording/recorder.js';
export type { Recorder, RecorderOptions } from './debug/recording/recorder.js';
export { Recording } from './debug/recording/recording.js';
export { RecordingError } from './debug/recording/records.js';
export type { RecordingSource } from './debug/recording/records.js';
export type { About, RecordedEnd, RecordedStart } from './debug/recording/start.js';
export { Replay } from './debug/recording/replay.js';
export { replayOf, type MachineReplay } from './debug/recording/machine-replay.js';
export type { ReplayEvent, ReplayOptions } from './debug/recording/replay.js';
export { ReplayError } from './kernel/inputs.js';
export { compareRecordings, firstDifference, verify } from './debug/recording/parting.js';
export type { RunDifference, StateDifference, Verdict } from './debug/recording/parting.js';

// Debuggers.
export { attachDebugger } from './debug/debugger/debugger.js';
export type { DebugRunLimits, Debugger, Motion } from './debug/debugger/debugger.js';
export type { CodeEvent, DebugHooks, HookRange, MemoryEvent, RemoveHook } from './debug/debugger/hooks.js';
export type { CallHook, HookAnswer, TrapHook } from './debug/debugger/machine-run.js';
export type { LineFinder } from './debug/debugger/motions.js';
export type { SavedRegisters } from './debug/debugger/registers.js';
export type {
  DebugProcess,
  DebugTarget,
  DebugThread,
  DebugThreadState,
  MappedRange,
  RegisterFile,
  RegisterName,
  ResumeRequest,
  ScalarRegister,
  Stop,
  StopKind,
  StopReason,
  StopRequest,
} from './debug/target.js';
export { pidText } from './kernel/tasks/process-table.js';
export { trapText } from './debug/reports/trap-text.js';
export type { ImageFinder } from './debug/reports/trap-text.js';
export { PlacedImage } from './debug/reports/placed-image.js';
export type { CodeNames } from './debug/reports/placed-image.js';
export { ProcessCode, readLibraryInSteps } from './debug/reports/process-code.js';
export { libraryPathAt } from './debug/reports/library-path.js';
export type { PlacedLibrary } from './debug/reports/process-code.js';
export { SymbolTable } from './debug/reports/symbols.js';
export type { SymbolMatch } from './debug/reports/symbols.js';
export { demangled } from './debug/symbols/demangle.js';
export { placedSymbols } from './debug/reports/address-text.js';
export type { SymbolFinder } from './debug/reports/address-text.js';
export { describeTranslation, translationText } from './debug/wasm-text/translation-text.js';
export type { TranslationContext } from './debug/wasm-text/translation-text.js';

// The debugger of bd0: commands and what they show, without a terminal.
export { DebugSession } from './debug/commands/session.js';
export type { DebugSessionOptions } from './debug/commands/session.js';
export { completions as debugCompletions } from './debug/commands/command-table.js';
export { DebugScreen } from './debug/screen/debug-screen.js';
export { drawing, ENTER_SCREEN, LEAVE_SCREEN } from './debug/screen/ansi.js';
export type { ScreenImage } from './debug/screen/ansi.js';
export { KeyReader } from './debug/screen/keys.js';
export type { Key } from './debug/screen/keys.js';
export type { Span, Style, StyledLine } from './debug/screen/styled-text.js';

// Debuggers: gdb's remote protocol over any stream of bytes.
export { GdbSession } from './debug/gdb/session.js';
export type { GdbSessionOptions } from './debug/gdb/session.js';
export type { SessionSlice } from './debug/gdb/execution.js';
export { MonitorError } from './debug/gdb/monitor/monitor.js';
export type { MonitorCommand } from './debug/gdb/monitor/monitor.js';
