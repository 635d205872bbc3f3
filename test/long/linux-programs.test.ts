/**
 * All programs of test/linux/programs, with the engine that `bd0 run` has. With `BD0_WRITE_TABLES=1` it writes
 * docs/linux-programs.md anew: `npm run linux-programs`.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { compare, missingPackages } from '../linux/programs/compared.js';
import { tables } from '../linux/programs/index.js';
import { KNOWN_DIFFERENCES } from '../linux/programs/known-differences.js';
import type { ProgramCase } from '../linux/programs/program-case.js';
import { tableOf, type Result } from '../linux/programs/result-table.js';

const page = fileURLToPath(new URL('../../../docs/linux-programs.md', import.meta.url));

t.setTimeout(0);

const results: Record<string, Result[]> = {};

/** Runs a case, and compares it with what is known of it. */
function resultOf(t: Test, programCase: ProgramCase): Result {
  const missing = missingPackages(programCase);
  if (missing.length > 0) {
    t.comment(`${programCase.name} is not run: package ${missing.join(', ')} is not installed`);
    return { programCase, kind: 'skipped', text: `not run: ${missing.join(', ')} missing` };
  }
  const { difference } = compare(programCase, 'auto');
  const reason = KNOWN_DIFFERENCES.get(programCase.name);
  if (reason === undefined) t.equal(difference, undefined, programCase.name);
  else t.ok(difference, `${programCase.name} differs: ${reason}`);
  if (difference === undefined) return { programCase, kind: 'equal', text: 'equal' };
  return { programCase, kind: 'differs', text: `differs: ${reason ?? difference}` };
}

for (const [name, cases] of Object.entries(tables))
  t.test(`all ${name} of the table`, { timeout: 0 }, (t) => {
    results[name] = cases.map((each) => resultOf(t, each));
    const ran = results[name].filter(({ kind }) => kind !== 'skipped');
    t.ok(ran.length > 0, `${ran.length} of ${cases.length} run`);
    t.end();
  });

t.test('what is known to differ is in the tables', (t) => {
  const names = new Set(Object.values(tables).flatMap((cases) => cases.map(({ name }) => name)));
  for (const name of KNOWN_DIFFERENCES.keys()) t.ok(names.has(name), name);
  if (process.env['BD0_WRITE_TABLES'] === '1') writeFileSync(page, tableOf(results, new Date()));
  t.end();
});
