/** `bd0 cc --libc musl`: programs with the C library musl, which BD0 runs with its calls of Linux; they may use bd0.h as well. */
import { execFile } from 'node:child_process';
import { dirname, extname, join, resolve } from 'node:path';
import {
  CXX_ENDINGS,
  GuestCompilerError,
  packagedGuestDirectory,
  runCompiler,
  STOPS_BEFORE_LINKING,
  type GuestCompilation,
} from './guest-compiler.js';

/** What Debian calls it, and musl's own installation. */
const COMPILERS = ['musl-gcc', 'x86_64-linux-musl-gcc'];

/** bd0.h is found behind the headers of musl, which come before those of the small library. */
const COMPILE_OPTIONS = ['-O2', '-g', '-march=x86-64', '-fPIE', '-fcf-protection=none', '-D__bd0__'];

/** What -static-pie means, which the specs of musl-gcc do not know. */
const LINK_OPTIONS = ['-nostartfiles', '-static-pie', '-Wl,-static,-pie,--no-dynamic-linker,-z,text'];

/**
 * Compiles and links a program with musl. Returns the compiler's warnings, an empty string if there are none.
 * @throws GuestCompilerError if musl-gcc is not installed, or fails; for C++, for which musl has no library.
 */
export async function compileWithMusl({ sources, output, ...others }: GuestCompilation): Promise<string> {
  const { compilerOptions = [], guestDirectory = packagedGuestDirectory } = others;
  const words = [...compilerOptions, ...sources];
  const cxx = words.find((word) => CXX_ENDINGS.includes(extname(word)));
  if (cxx !== undefined)
    throw new GuestCompilerError(`'${cxx}' is C++, for which musl-gcc has no library; leave out --libc musl`);
  const { command, libraries } = await findMusl(others.compiler);
  const compile = [...COMPILE_OPTIONS, '-idirafter', resolve(guestDirectory, 'include')];
  if (words.some((word) => STOPS_BEFORE_LINKING.includes(word)))
    return runCompiler(command, [...compile, ...words, '-o', output]);
  const start = ['rcrt1.o', 'crti.o'].map((file) => join(libraries, file));
  return runCompiler(command, [
    ...compile,
    ...LINK_OPTIONS,
    ...start,
    ...words,
    join(libraries, 'crtn.o'),
    '-o',
    output,
  ]);
}

interface Musl {
  readonly command: string;
  /** The directory of its start-up code. */
  readonly libraries: string;
}

async function findMusl(named: string | undefined): Promise<Musl> {
  for (const command of named === undefined ? COMPILERS : [named]) {
    const [, startFile] = /"?([^\s"]*\/Scrt1\.o)/.exec(await plannedCommands(command)) ?? [];
    if (startFile !== undefined) return { command, libraries: dirname(startFile) };
  }
  throw new GuestCompilerError('--libc musl needs musl-gcc: on Debian, apt install musl-tools');
}

/** The commands by which a compiler would link a program; '' if it is not there. */
function plannedCommands(command: string): Promise<string> {
  return new Promise((done) => {
    execFile(command, ['-###', '-pie', '-x', 'c', '-', '-o', 'a.out'], (error, stdout, stderr) => {
      done(error === null ? stdout + stderr : '');
    }).stdin?.end();
  });
}
