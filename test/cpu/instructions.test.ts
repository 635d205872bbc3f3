/** docs/instructions.md is what the opcode table and the last long runs give. With `BD0_WRITE_TABLES=1` it is written anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { OPCODES } from '../../src/cpu/meaning/opcodes/index.js';
import { readDecodedBinaries } from '../support/decoded-binaries.js';
import { instructionsPage } from '../support/instructions-page.js';
import { readNativeCases } from '../support/native-cases.js';
import { rowName } from '../support/row-names.js';

const PAGE = fileURLToPath(new URL('../../../docs/instructions.md', import.meta.url));

t.setTimeout(0);

t.test('docs/instructions.md is up to date: npm run instructions writes it anew', async (t) => {
  const page = instructionsPage(readNativeCases(), readDecodedBinaries());
  if (process.env['BD0_WRITE_TABLES'] === '1') writeFileSync(PAGE, page);
  const lines = (text: string): string[] => text.split('\n');
  t.same(lines(readFileSync(PAGE, 'utf8')), lines(page));
});

t.test('rows have different names, and those with cases are still there', async (t) => {
  const names = new Set(OPCODES.map(rowName));
  t.equal(names.size, OPCODES.length);
  t.same(
    Object.keys(readNativeCases().rows).filter((name) => !names.has(name)),
    [],
    'test/long/native-cases.json names no row that is gone',
  );
});
