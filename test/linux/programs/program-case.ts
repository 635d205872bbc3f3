/** What a program is to do, natively and in the machine. */
export interface ProgramCase {
  /** The program or applet, and what it does or which of its cases it is. No two cases have the same. */
  readonly name: string;
  /** The command or script, as the table has it. */
  readonly text: string;
  /** Absolute. It is skipped where there is none. */
  readonly program: string;
  readonly words: readonly string[];
  /** Programs that it starts, each of which has to be there too. */
  readonly needs?: readonly string[];
}

const BUSYBOX = '/usr/bin/busybox';

/** Debian's packages of the programs, where they are named otherwise. */
const PACKAGES: Readonly<Record<string, string>> = {
  '/usr/bin/busybox': 'busybox-static',
  '/usr/bin/lua5.4': 'lua5.4',
  '/usr/bin/tclsh': 'tcl',
  '/usr/bin/strings': 'binutils',
  '/usr/bin/readelf': 'binutils',
  '/usr/bin/objdump': 'binutils',
  '/usr/bin/nm': 'binutils',
  '/usr/bin/size': 'binutils',
  '/usr/bin/ar': 'binutils',
  '/usr/bin/as': 'binutils',
  '/usr/bin/hexdump': 'bsdextrautils',
  '/usr/bin/column': 'bsdextrautils',
  '/usr/bin/rev': 'util-linux',
  '/usr/bin/getopt': 'util-linux',
  '/usr/bin/xz': 'xz-utils',
  '/usr/bin/find': 'findutils',
  '/usr/bin/xargs': 'findutils',
  '/usr/bin/diff': 'diffutils',
  '/usr/bin/cmp': 'diffutils',
  '/usr/bin/diff3': 'diffutils',
  '/usr/bin/xxd': 'xxd',
  '/usr/bin/emacs': 'emacs-nox',
  '/usr/bin/nc': 'netcat-openbsd',
  '/usr/bin/Rscript': 'r-base-core',
  '/usr/bin/erl': 'erlang-base',
  '/usr/bin/octave-cli': 'octave',
  '/usr/bin/gp': 'pari-gp',
  '/usr/bin/swipl': 'swi-prolog-nox',
  '/usr/bin/mono': 'mono-runtime',
  '/usr/bin/mcs': 'mono-mcs',
  '/usr/bin/dot': 'graphviz',
  '/usr/bin/rg': 'ripgrep',
  '/usr/bin/fdfind': 'fd-find',
  '/usr/bin/ssh-keygen': 'openssh-client',
  '/usr/bin/php': 'php-cli',
  '/usr/bin/redis-cli': 'redis-tools',
  '/usr/bin/guile': 'guile-3.0',
  '/usr/bin/setpriv': 'util-linux',
  '/usr/bin/gpg': 'gnupg',
  '/usr/bin/hg': 'mercurial',
  '/usr/lib/python3.11/test/test_re.py': 'libpython3.11-testsuite',
  '/usr/bin/setfattr': 'attr',
  '/usr/bin/getfattr': 'attr',
  '/usr/bin/7z': 'p7zip-full',
  '/usr/bin/uuencode': 'sharutils',
  '/usr/bin/uudecode': 'sharutils',
  '/usr/bin/shar': 'sharutils',
  '/usr/bin/mksquashfs': 'squashfs-tools',
  '/usr/bin/unsquashfs': 'squashfs-tools',
  '/usr/bin/isoinfo': 'genisoimage',
  '/usr/bin/mformat': 'mtools',
  '/usr/bin/mcopy': 'mtools',
  '/usr/bin/mdir': 'mtools',
  '/usr/bin/mtype': 'mtools',
  '/usr/bin/ctags': 'universal-ctags',
  '/usr/bin/xmllint': 'libxml2-utils',
  '/usr/bin/nroff': 'groff',
  '/usr/bin/man': 'man-db',
  '/usr/bin/ppmtopgm': 'netpbm',
  '/usr/bin/pnmtopng': 'netpbm',
  '/usr/bin/cwebp': 'webp',
  '/usr/bin/dwebp': 'webp',
  '/usr/bin/glpsol': 'glpk-utils',
  '/usr/bin/csi': 'chicken-bin',
  '/usr/bin/csc': 'chicken-bin',
  '/usr/bin/cobc': 'gnucobol3',
  '/usr/bin/aria2c': 'aria2',
  '/usr/bin/ab': 'apache2-utils',
  '/usr/bin/svn': 'subversion',
  '/usr/bin/svnadmin': 'subversion',
  '/usr/bin/ci': 'rcs',
  '/usr/bin/co': 'rcs',
  '/usr/bin/rlog': 'rcs',
  '/usr/bin/rcsdiff': 'rcs',
  '/usr/bin/age-keygen': 'age',
  '/usr/bin/ccat': 'ccrypt',
  '/usr/bin/certtool': 'gnutls-bin',
  '/usr/bin/mdb_load': 'lmdb-utils',
  '/usr/bin/mdb_dump': 'lmdb-utils',
  '/usr/bin/mdb_stat': 'lmdb-utils',
  '/usr/bin/mlr': 'miller',
  '/usr/bin/sponge': 'moreutils',
  '/usr/bin/pee': 'moreutils',
  '/usr/bin/ts': 'moreutils',
  '/usr/bin/go': 'golang-go',
  '/usr/bin/poly': 'polyml',
  '/usr/bin/redis-benchmark': 'redis-tools',
  '/usr/bin/pdftotext': 'poppler-utils',
  '/usr/bin/pdfinfo': 'poppler-utils',
  '/usr/bin/mariadb-install-db': 'mariadb-server',
  '/usr/sbin/mariadbd': 'mariadb-server',
  '/usr/bin/ninja': 'ninja-build',
  '/usr/bin/dig': 'bind9-dnsutils',
  '/usr/sbin/dnsmasq': 'dnsmasq-base',
  '/usr/lib/python3/dist-packages/numpy': 'python3-numpy',
  '/usr/bin/py.test-3': 'python3-pytest',
  '/usr/bin/gs': 'ghostscript',
  '/usr/bin/convert': 'imagemagick',
  '/usr/bin/gm': 'graphicsmagick',
};

/** The package that has a program, as Debian names it. */
export function packageOf(program: string): string {
  return PACKAGES[program] ?? program.slice(program.lastIndexOf('/') + 1);
}

/**
 * Applets of busybox, a line for each: its name, a colon, and the command. A command is performed by the shell of busybox, whose
 * commands are applets, if it has characters for it; else it is words.
 */
export function appletCases(lines: string): ProgramCase[] {
  const cases = linesOf(lines).map(([applet, text]) => {
    const isPlain = !/[|;<>$&'"`*?\\()#~]/.test(text);
    return { name: `busybox ${applet}`, text, program: BUSYBOX, words: isPlain ? text.split(' ') : ['sh', '-c', text] };
  });
  return numbered(cases);
}

/** Commands for dash, a line for each: the names of the programs, or paths of files, that they need, a colon, and the command. */
export function commandCases(lines: string): ProgramCase[] {
  const cases = linesOf(lines).map(([name, text]) => {
    const needs = name.split(' ').map((each) => (each.startsWith('/') ? each : `/usr/bin/${each}`));
    return { name: name.replace(/ \/.*/, ''), text, program: '/usr/bin/dash', words: ['-c', text], needs };
  });
  return numbered(cases);
}

/** Scripts for an interpreter, each after a line `## name`. */
export function scriptCases(interpreter: string, scripts: string, option = '-c'): ProgramCase[] {
  const parts = scripts.split(/^## /m).slice(1);
  return parts.map((part) => {
    const end = part.indexOf('\n');
    const [name, text] = [`${interpreter}, ${part.slice(0, end)}`, part.slice(end + 1)];
    return { name, text, program: `/usr/bin/${interpreter}`, words: [option, text] };
  });
}

/** Cases of the same name get numbers, from the second on. */
function numbered(cases: readonly ProgramCase[]): ProgramCase[] {
  const counts = new Map<string, number>();
  return cases.map((programCase) => {
    const { name } = programCase;
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return count === 1 ? programCase : { ...programCase, name: `${name} ${count}` };
  });
}

/** What stands in front of the first colon of each line, and behind it. */
function linesOf(lines: string): (readonly [string, string])[] {
  return lines
    .trim()
    .split('\n')
    .map((line) => {
      const colon = line.indexOf(': ');
      return [line.slice(0, colon), line.slice(colon + 2)] as const;
    });
}
