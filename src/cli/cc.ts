import { EXIT_FAILED, Failure } from './failure.js';
import { oneOf } from './options.js';
import { GuestCompilerError, compileGuest } from '../host/toolchain/guest-compiler.js';
import { compileWithMusl } from '../host/toolchain/musl-compiler.js';
import { writeToStderr } from '../host/console/host-output.js';

/** The exit code of compilers for a program with errors. */
const EXIT_REFUSED = 1;

/** `bd0 cc FILES -o OUT [OPTIONS]`: all words but the output go to the compiler, in the given order. */
export async function cc(words: readonly string[]): Promise<number> {
  const { output, libc, others } = takeOwnOptions(words);
  if (others.every((word) => word.startsWith('-')))
    throw new Failure('bd0 cc needs a FILE to compile: bd0 cc --help shows how');
  if (output === undefined || output === '') throw new Failure('bd0 cc needs -o OUT, the file to write');
  try {
    const compile = libc === 'musl' ? compileWithMusl : compileGuest;
    const warnings = await compile({ sources: [], output, compilerOptions: others });
    if (warnings !== '') writeToStderr(warnings.trimEnd());
    return 0;
  } catch (error) {
    if (!(error instanceof GuestCompilerError)) throw error;
    if (error.diagnostics !== '') writeToStderr(error.diagnostics.trimEnd());
    throw new Failure(error.message, error.diagnostics === '' ? EXIT_FAILED : EXIT_REFUSED);
  }
}

const LIBRARIES = ['bd0', 'musl'] as const;

/** What is not the compiler's: the output, and the C library. Throws Failure. */
function takeOwnOptions(words: readonly string[]): {
  readonly output: string | undefined;
  readonly libc: (typeof LIBRARIES)[number];
  readonly others: string[];
} {
  const others: string[] = [];
  let output: string | undefined;
  let libc = 'bd0';
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word === '-o') output = words[++at];
    else if (word.startsWith('-o')) output = word.slice(2);
    else if (word === '--libc') libc = words[++at] ?? '';
    else if (word.startsWith('--libc=')) libc = word.slice('--libc='.length);
    else others.push(word);
  }
  return { output, libc: oneOf(LIBRARIES, libc, '--libc'), others };
}
