/** An archive of the format `newc` of cpio, from which Linux makes its first file system. */

/** A file, or a directory, or a device with two numbers. */
export interface ArchiveEntry {
  /** Without a slash at the beginning; a directory stands before what is in it. */
  readonly name: string;
  /** Type and permissions, as in stat. */
  readonly mode: number;
  readonly bytes?: Uint8Array;
  readonly device?: readonly [major: number, minor: number];
}

const DIRECTORY = 0o040755;
const CHARACTER_DEVICE = 0o020600;
const EXECUTABLE = 0o100755;

/** A file system of two programs: /init, which Linux starts, and another one; and other files. */
export function initramfs(
  init: Uint8Array,
  name: string,
  program: Uint8Array,
  others: readonly ArchiveEntry[] = [],
): Uint8Array {
  return archive([
    { name: 'dev', mode: DIRECTORY },
    { name: 'dev/console', mode: CHARACTER_DEVICE, device: [5, 1] },
    { name: 'sys', mode: DIRECTORY },
    { name: 'init', mode: EXECUTABLE, bytes: init },
    { name, mode: EXECUTABLE, bytes: program },
    ...others,
    { name: 'TRAILER!!!', mode: 0 },
  ]);
}

/** cpio(5), "New ASCII Format". */
function archive(entries: readonly ArchiveEntry[]): Uint8Array {
  return Buffer.concat(
    entries.flatMap(({ name, mode, bytes = new Uint8Array(0), device = [0, 0] }, index) => {
      // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
      const fields = [index + 1, mode, 0, 0, 1, 0, bytes.length, 0, 0, ...device, name.length + 1, 0];
      const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${name}\0`;
      return [padded(Buffer.from(header)), padded(bytes)];
    }),
  );
}

/** With zeros up to a multiple of four bytes. */
function padded(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  whole.set(bytes);
  return whole;
}
