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

/** The extended attributes of paths, which are not followed, in the order of their names. None for what cannot be read. */
export function readXattrs(paths: readonly ByteText[]): ExtendedAttribute[][] {
  const found = new Map<ByteText, ExtendedAttribute[]>();
  for (let at = 0; at < paths.length;) {
    const part: ByteText[] = [];
    for (let bytes = 0; at < paths.length && (part.length === 0 || bytes < PATHS_BYTES_MAX); at++) {
      part.push(paths[at]!);
      bytes += paths[at]!.length;
    }
    for (const [path, attributes] of parse(getfattr(part))) found.set(path, attributes);
  }
  return paths.map((path) => found.get(path) ?? []);
}

function getfattr(paths: readonly ByteText[]): string {
  const words = ['getfattr', '-h', '-d', '-m', '-', '-e', 'hex', '--absolute-names', '--', ...paths];
  const { stdout } = spawnSync('/bin/sh', [], {
    input: bytesOfText(shellText(words)),
    env: { ...process.env, LC_ALL: 'C' },
    maxBuffer: Infinity,
  });
  return byteText(stdout);
}

/** `# file: PATH`, then `NAME=0xHEX` for each, then an empty line. PATH and NAME have `\ooo` for some bytes. */
function* parse(text: string): Generator<[ByteText, ExtendedAttribute[]], void, undefined> {
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
