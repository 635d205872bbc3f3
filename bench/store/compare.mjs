/**
 * Takes a tree into a store of bd0, and into those of restic, borg and git as far as they are installed:
 * `node compare.mjs TREE [ROUNDS]`. Prints a table in Markdown: medians of the rounds, which take turns.
 *
 * Time is that of the whole process; the disk's write-back counts as each one waits for it (git is told to).
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [tree, rounds = '3'] = process.argv.slice(2);
if (!tree || tree.startsWith('-') || !(Number(rounds) > 0)) {
  console.error('usage: node compare.mjs TREE [ROUNDS]');
  process.exit(2);
}
const bd0 = process.env.BD0 ?? fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));

/** What is run in an empty directory: first without being measured, then measured. */
const CONTENDERS = {
  'bd0 vmo import': {
    prepare: [],
    measure: ['node', bd0, 'vmo', 'import', '--store', 'store', '--name', 'tree', tree],
  },
  borg: {
    prepare: ['borg', 'init', '-e', 'none', 'store'],
    measure: ['borg', 'create', 'store::tree', tree],
  },
  restic: {
    prepare: ['restic', '-q', '-r', 'store', 'init'],
    measure: ['restic', '-q', '-r', 'store', 'backup', tree],
  },
  git: {
    prepare: ['git', 'init', '-q', '--bare', 'store'],
    measure: ['git', '--git-dir=store', `--work-tree=${tree}`, '-c', 'core.fsync=all', 'add', '-A', '--force', tree],
  },
};

function run(words, cwd) {
  const env = { ...process.env, RESTIC_PASSWORD: 'none', BORG_BASE_DIR: cwd, XDG_CACHE_HOME: join(cwd, 'cache') };
  return spawnSync('/usr/bin/time', ['-f', '%e %U %S %M', ...words], { cwd, env, encoding: 'utf8' });
}

function measure({ prepare, measure }) {
  const directory = mkdtempSync(join(tmpdir(), 'compare-'));
  try {
    if (prepare.length > 0 && run(prepare, directory).status !== 0) return undefined;
    const { status, stderr } = run(measure, directory);
    if (status !== 0) throw new Error(`${measure.join(' ')}: ${stderr}`);
    const [seconds, user, system, peakKilobytes] = stderr.trim().split('\n').at(-1).split(' ').map(Number);
    const { stdout } = spawnSync('du', ['-s', '-m', 'store'], { cwd: directory, encoding: 'utf8' });
    return { seconds, cpu: user + system, peak: peakKilobytes / 1024, size: Number.parseInt(stdout, 10) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const samples = new Map(Object.keys(CONTENDERS).map((name) => [name, []]));
const mib = Number.parseInt(spawnSync('du', ['-s', '-m', '--apparent-size', tree], { encoding: 'utf8' }).stdout, 10);
spawnSync('grep', ['-rq', 'a string that is nowhere', tree]);
for (let round = 0; round < Number(rounds); round++)
  for (const [name, contender] of Object.entries(CONTENDERS)) {
    const sample = measure(contender);
    if (sample) samples.get(name).push(sample);
    else process.stderr.write(`${name} is left out: apt install restic borgbackup git\n`);
  }

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
console.log(`| ${mib} MiB of files | seconds | MiB/s | CPU seconds | peak memory, MiB | on disk, MiB |`);
console.log('| --- | ---: | ---: | ---: | ---: | ---: |');
for (const [name, taken] of samples) {
  if (taken.length === 0) continue;
  const of = (what) => median(taken.map((sample) => sample[what]));
  const cells = [of('seconds').toFixed(1), (mib / of('seconds')).toFixed(0), of('cpu').toFixed(1)];
  console.log(`| ${name} | ${[...cells, of('peak').toFixed(0), of('size')].join(' | ')} |`);
}
