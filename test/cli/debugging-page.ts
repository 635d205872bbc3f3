/** The program and the sessions of docs/debugging.md. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileGuest } from '../../src/host/toolchain/guest-compiler.js';

const page = fileURLToPath(new URL('../../../docs/debugging.md', import.meta.url));

/** Compiles the program into a directory, and finds the sessions with a debugger. */
export async function debuggingPage(
  directory: string,
  debuggerName: 'bd0' | 'gdb',
): Promise<{ readonly shop: string; readonly sessions: readonly string[] }> {
  const text = readFileSync(page, 'utf8');
  const source = join(directory, 'shop.c');
  const shop = join(directory, 'shop');
  writeFileSync(source, /^```c shop\.c\n(.*?)^```$/ms.exec(text)![1]!);
  await compileGuest({ sources: [source], output: shop, compilerOptions: ['-O0'] });
  const sessions = text.matchAll(new RegExp(`^\`\`\`${debuggerName}\\n(.*?)^\`\`\`$`, 'gms'));
  return { shop, sessions: Array.from(sessions, ([, session]) => session!) };
}
