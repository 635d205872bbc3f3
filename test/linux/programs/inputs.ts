/** The files that each program finds in its directory. */
import { chmodSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const WORDS = 'pear apple fig cherry apple banana date fig elder apple grape lemon'.split(' ');

/** What programs read from standard input. */
export const INPUT = `${WORDS.join('\n')}\n`;

const NUMBERS = Array.from({ length: 60 }, (_, i) => (i * 7919) % 1009);

const FILES: Readonly<Record<string, string | Uint8Array>> = {
  words: INPUT,
  numbers: `${NUMBERS.join('\n')}\n`,
  text: 'The quick brown fox\n\tjumps over\n\nthe lazy dog.\nUnix: a system; of files,  and processes.\nLast line without end',
  table: 'alice:31:Lyon\nbob:27:Oslo\ncarol:45:Rome\ndave:27:Oslo\n',
  ages: 'alice 31\nbob 27\ndave 27\n',
  towns: 'alice Lyon\nbob Oslo\ncarol Rome\n',
  old: 'one\ntwo\nthree\nfour\nfive\nsix\n',
  new: 'one\n2\nthree\nfour\nfive\nfive and a half\nsix\n',
  dos: 'first\r\nsecond\r\n',
  bytes: Uint8Array.from({ length: 700 }, (_, i) => (i * i + (i >> 3)) & 255),
  long: `${Array.from({ length: 40 }, (_, i) => `line ${i} ${WORDS[i % WORDS.length]!.repeat(6)}`).join('\n')}\n`,
  'tree/a/one.txt': 'one\n',
  'tree/a/two.c': 'int main(void) { return 2; }\n',
  'tree/b/three.txt': 'three\n',
  script: '#!/bin/sh\necho "script $# $1"\nexit 3\n',
  'data.json': '{"name":"bd0","list":[3,1,2],"nested":{"a":null,"b":true,"c":1.5},"text":"\\u00e9\\n"}\n',
};

/** In seconds since 1970: before the machine's clock begins. */
const MODIFIED = 1_700_000_000;

/** Fills an empty directory. */
export function fill(directory: string): void {
  for (const [name, content] of Object.entries(FILES)) {
    mkdirSync(join(directory, name, '..'), { recursive: true });
    writeFileSync(join(directory, name), content);
    chmodSync(join(directory, name), 0o644);
    utimesSync(join(directory, name), MODIFIED, MODIFIED);
  }
  chmodSync(join(directory, 'script'), 0o755);
  symlinkSync('a/one.txt', join(directory, 'tree/link'));
}
