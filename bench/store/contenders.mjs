/** Those who take a tree of files into a store of their own, as far as they are installed, and what that costs them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const bd0 = process.env.BD0 ?? fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));

/** By name, what is run in an empty directory: first without being measured, then measured. */
export function contenders(tree) {
  return {
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
}

function run(words, cwd) {
  const env = { ...process.env, RESTIC_PASSWORD: 'none', BORG_BASE_DIR: cwd, XDG_CACHE_HOME: join(cwd, 'cache') };
  return spawnSync('/usr/bin/time', ['-f', '%e %U %S %M', ...words], { cwd, env, encoding: 'utf8' });
}

/** Seconds of the whole process, of the CPU, peak memory and size on disk in MiB; undefined for one that is not installed. */
export function measure({ prepare, measure }) {
  const directory = mkdtempSync(join(tmpdir(), 'compare-'));
  try {
    if (prepare.length > 0 && run(prepare, directory).status !== 0) return undefined;
    const { status, stderr } = run(measure, directory);
    if (status !== 0) throw new Error(`${measure.join(' ')}: ${stderr}`);
    const [seconds, user, system, peakKilobytes] = stderr.trim().split('\n').at(-1).split(' ').map(Number);
    const { stdout } = spawnSync('du', ['-s', '-k', 'store'], { cwd: directory, encoding: 'utf8' });
    return { seconds, cpu: user + system, peak: peakKilobytes / 1024, size: Number.parseInt(stdout, 10) / 1024 };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
