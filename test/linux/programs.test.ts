/**
 * Programs of Linux, as Debian has them: what they write, their exit codes and the files that they leave are those that the host
 * has of them. A few of each table, others each day; all of them in test/long/linux-programs.test.ts.
 */
import t from 'tap';
import { seedOf, someOf } from '../support/volume.js';
import { compare, missingPackages } from './programs/compared.js';
import { tables } from './programs/index.js';
import { KNOWN_DIFFERENCES } from './programs/known-differences.js';

const seed = seedOf(1);

/** How many of each table run each day. */
const COUNTS = { applets: 4, scripts: 3, programs: 1 };

/** Regression tests of Python itself. */
const PYTHON_TESTS = ['python3', ...[2, 3, 4, 5, 6].map((number) => `python3 ${number}`)];

/** More than three CPU seconds each: for test/long alone. */
const SLOW = new Set([
  '/usr/sbin/haproxy curl',
  'Rscript',
  'apt dpkg',
  'autoconf gcc',
  'automake aclocal autoconf',
  'bats',
  'bison flex gcc',
  'borg',
  'certtool',
  'clang',
  'cmake',
  'cobc',
  'csc',
  'elixir',
  'erl',
  'erl 2',
  'g++',
  'gcc',
  'gcc 2',
  'gdb',
  'gfortran',
  'ghc',
  'git',
  'git 2',
  'go',
  'gpg',
  'gs pdftotext pdfinfo qpdf',
  'hg',
  'hugo',
  'ipython3',
  'java jar',
  'javac java',
  'jq',
  'mariadb-install-db',
  'meson ninja',
  'mono mcs',
  'ncat',
  'nim',
  'node 2',
  'octave-cli',
  'openssl 3',
  'openssl busybox',
  'openssl curl',
  'psql chpst',
  'pylint',
  'python3 10',
  'python3 9',
  'python3 curl',
  'quilt',
  'racket',
  'restic',
  'ruby',
  'rustc',
  'strings',
  'svn svnadmin',
  'valgrind gcc',
  ...PYTHON_TESTS,
]);

for (const [name, count] of Object.entries(COUNTS))
  t.test(`${name} of Linux do what they do natively`, (t) => {
    const cases = tables[name as keyof typeof COUNTS].filter(
      (each) => !KNOWN_DIFFERENCES.has(each.name) && !SLOW.has(each.name),
    );
    const there = cases.filter((each) => missingPackages(each).length === 0);
    const missing = new Set(cases.flatMap(missingPackages));
    t.comment(`${there.length} of ${cases.length} can run here; packages missing: ${[...missing].join(' ') || 'none'}`);
    // Neighbours in a table are much alike: its order is that of the days.
    const spread = there.map((_, i) => there[(i * 37) % there.length]!);
    for (const [i, each] of someOf(spread, count, seed * count, 0).entries()) {
      const { difference } = compare(each, i % 2 === 0 ? 'interpreter' : 'auto');
      t.equal(difference, undefined, each.name);
    }
    t.end();
  });
