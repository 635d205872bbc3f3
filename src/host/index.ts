/** The public API of bd0 for Node, `bd0/node`, in groups; docs/library.md has an example for each. */

// Errors, and SHA-256 as Node has it.
export { HostError } from './failure.js';
export type { HostErrorCode } from './failure.js';
export { sha256 } from './sha256.js';

// The console: standard input and output.
export { StandardConsole } from './console/standard-console.js';
export type { ConsoleOutcome, ConsoleRun } from './console/standard-console.js';

// A server for debuggers.
export { GdbServer } from './gdb-server.js';
export type { GdbAddress, GdbServerOptions, RemoteSession } from './gdb-server.js';

// The toolchain: compile guests, find their images.
export { GuestCompilerError, compileGuest, findCompiler } from './toolchain/guest-compiler.js';
export type { Compiler, GuestCompilation } from './toolchain/guest-compiler.js';
export { findImage, packagedImages, processName, readImage } from './toolchain/image-file.js';

// The durable store: VMOs in a directory.
export { DiskStore } from './store/disk-store.js';
export type { StoreOptions } from './store/disk-store.js';
export type { LeaseMode } from './store/leases.js';
export type { NameLog, NamedReference } from './store/names.js';
export { StoreWriteError } from './store/errors.js';
export { importPath, importStream } from './store/import.js';
export type { ImportOptions, ImportProblem, ImportProgress, Imported, KeptAttributes } from './store/import.js';
export { encodeListing, readListing } from './store/listing.js';
export type { Attributes, Listing, TreeEntry } from './store/listing.js';
export { byteText, byteTextOf, bytesOfText, shown } from './byte-text.js';
export type { ByteText } from './byte-text.js';
export { collectGarbage } from './store/collect.js';
export type { CollectOptions, CollectProgress, Collected } from './store/collect.js';
export { verifyStore } from './store/verify.js';
export type { Problem, Verified, VerifyProgress } from './store/verify.js';
export { statStore } from './store/stat.js';
export type { KindStat, StoreStat } from './store/stat.js';
export type { Watch } from './store/pace.js';

// Names that guests see: files of a directory, and names in a durable store.
export { DurableNames, RunStore } from './names/durable-names.js';
export { GuestNames } from './names/guest-names.js';
export { RootFiles } from './names/root-files.js';
