/** What `npm run build` does once TypeScript is compiled: generates the interpreter and compiles the guests. */
import { chmodSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Decoder } from '../cpu/decoder.js';
import { buildInterpreter } from '../cpu/interpreter/build-interpreter.js';
import { GuestCompilerError, buildAllGuests } from './guest-compiler.js';
import { packagedImages } from './image-file.js';

function generateInterpreterModule(): void {
  const { bytes, handlerOfForm, handlerOfPair } = buildInterpreter(new Decoder().forms);
  const generated = { wasm: Buffer.from(bytes).toString('base64'), handlerOfForm, handlerOfPair };
  const target = new URL('../cpu/interpreter/generated.js', import.meta.url);
  writeFileSync(target, `export const generated = ${JSON.stringify(generated)};\n`);
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

generateInterpreterModule();
await compileGuests();
chmodSync(fileURLToPath(new URL('main.js', import.meta.url)), 0o755);
