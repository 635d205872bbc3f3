/**
 * What `npm run build` does once TypeScript is compiled: generates the interpreter, makes one file of the command line, and
 * compiles the guests.
 */
import { createHash } from 'node:crypto';
import { chmodSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rollup } from '@rollup/wasm-node';
import { Decoder } from './cpu/decode/decoder.js';
import { buildInterpreter } from './cpu/interpreter/build-interpreter.js';
import { GuestCompilerError, buildAllGuests } from './host/toolchain/guest-compiler.js';
import { packagedImages } from './host/toolchain/image-file.js';

/** What was translated by other modules than these is not to be found in a store: see cpu/translator/cache/code-key.ts. */
function translatorVersion(): string {
  const directory = new URL('./cpu/', import.meta.url);
  const paths = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  const modules = paths.filter((path) => path.endsWith('.js') && !path.endsWith('generated.js')).sort();
  const hash = createHash('sha256');
  for (const path of ['../bits.js', '../memory.js', ...modules]) hash.update(readFileSync(new URL(path, directory)));
  return hash.digest('hex');
}

function generateInterpreterModule(): void {
  const { bytes, handlerOfForm, handlerOfPair } = buildInterpreter(new Decoder().forms);
  const wasm = Buffer.from(bytes).toString('base64');
  const generated = { wasm, handlerOfForm, handlerOfPair, translatorVersion: translatorVersion() };
  const target = new URL('./cpu/interpreter/generated.js', import.meta.url);
  writeFileSync(target, `export const generated = ${JSON.stringify(generated)};\n`);
}

/**
 * Makes one module of the hundred and fifty that `bd0 run` needs, in the place of main.js: finding and linking them costs
 * more than all else that happens before a guest's first instruction. What is imported lazily stays apart.
 */
async function bundleCommandLine(): Promise<void> {
  const isPackage = (id: string): boolean => !id.startsWith('.') && !id.startsWith('/');
  const bundle = await rollup({ input: commandLine, external: isPackage });
  const dir = fileURLToPath(new URL('./cli', import.meta.url));
  await bundle.write({ dir, format: 'es', entryFileNames: 'main.js', chunkFileNames: 'main-[name].js' });
  await bundle.close();
}

/** Without a C compiler there are no guests to run, but all else works: the build says so and goes on. */
async function compileGuests(): Promise<void> {
  try {
    await buildAllGuests(packagedImages);
  } catch (error) {
    if (!(error instanceof GuestCompilerError) || error.diagnostics !== '') throw error;
    console.warn(`bd0: the guest programs are not compiled: ${error.message}; then: npm run build`);
  }
}

const commandLine = fileURLToPath(new URL('./cli/main.js', import.meta.url));

generateInterpreterModule();
await bundleCommandLine();
chmodSync(commandLine, 0o755);
await compileGuests();
