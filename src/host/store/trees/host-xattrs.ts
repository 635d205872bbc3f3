/** Extended attributes of files of the host, which Node does not know: by getfattr(1), which setfattr(1) comes with. */

import { spawnSync } from 'node:child_process';
import { byteText, bytesOfText, type ByteText } from '../../byte-text.js';
import { HostError } from '../../failure.js';
import { shellText } from '../../host-commands.js';
import type { ExtendedAttribute } from './tree-entry.js';

/** Bytes of paths that one command is given. */
const PATHS_BYTES_MAX = 2 ** 16;

/** Throws HostError where the host has no commands for extended attributes. */
export function requireXattrTools(): void {
  for (const tool of ['getfattr', 'setfattr'])
    if (spawnSync(tool, ['--version']).error)
      throw new HostError(`--xattrs needs ${tool}, which is not there: install the package attr`, 'invalid');
}

/** The extended attributes of a path. */
export interface FoundXattrs {
  /** By ascending bytes of their names. */
  readonly xattrs: readonly ExtendedAttribute[];
  /** Why some may be missing. */
  readonly problem?: string | undefined;
}

/** The extended attributes of paths, which are not followed. */
export function readXattrs(paths: readonly ByteText[]): FoundXattrs[] {
  const found: FoundXattrs[] = [];
  for (let at = 0; at < paths.length;) {
    const part: ByteText[] = [];
    for (let bytes = 0; at < paths.length && (part.length === 0 || bytes < PATHS_BYTES_MAX); at++) {
      part.push(paths[at]!);
      bytes += paths[at]!.length;
    }
    found.push(...readSome(part));
  }
  return found;
}

/** Where a command fails, each path gets one of its own, so that it is known which is to blame. */
function readSome(paths: readonly ByteText[]): FoundXattrs[] {
  const { text, problem } = getfattr(paths);
  if (problem !== undefined && paths.length > 1) return paths.flatMap((path) => readSome([path]));
  const found = new Map(parse(text));
  return paths.map((path) => ({ xattrs: found.get(path) ?? [], problem }));
}

function getfattr(paths: readonly ByteText[]): { text: ByteText; problem: string | undefined } {
  const words = ['getfattr', '-h', '-d', '-m', '-', '-e', 'hex', '--absolute-names', '--', ...paths];
  const { stdout, stderr, status } = spawnSync('/bin/sh', [], {
    input: bytesOfText(shellText(words)),
    env: { ...process.env, LC_ALL: 'C' },
    maxBuffer: Infinity,
  });
  const problem = status === 0 ? undefined : stderr.toString().trim().split('\n').at(-1)!;
  return { text: byteText(stdout), problem };
}

/** `# file: PATH`, then `NAME=0xHEX` for each, then an empty line. PATH and NAME have `\ooo` for some bytes. */
function* parse(text: ByteText): Generator<[ByteText, ExtendedAttribute[]], void, undefined> {
  for (const block of text.split('\n\n')) {
    const [head, ...lines] = block.split('\n').filter((line) => line !== '');
    if (!head?.startsWith('# file: ')) continue;
    const attributes = lines.map((line): ExtendedAttribute => {
      const equals = line.lastIndexOf('=0x');
      const name = unescaped(equals < 0 ? line.replace(/=$/, '') : line.slice(0, equals));
      return { name, value: byteText(Buffer.from(equals < 0 ? '' : line.slice(equals + 3), 'hex')) };
    });
    yield [unescaped(head.slice('# file: '.length)), attributes.sort((a, b) => (a.name < b.name ? -1 : 1))];
  }
}

function unescaped(text: string): ByteText {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  ) as ByteText;
}
