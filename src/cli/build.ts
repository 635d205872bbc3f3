import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildInterpreter } from '../cpu/interpreter/build-interpreter.js';
import { Decoder } from '../cpu/decoder.js';

/** What `npm run build` does once TypeScript is compiled: generates the interpreter. */
const here = dirname(fileURLToPath(import.meta.url));

function generateInterpreterModule(): void {
  const { bytes, handlerOfForm, handlerOfPair } = buildInterpreter(new Decoder().forms);
  const generated = { wasm: Buffer.from(bytes).toString('base64'), handlerOfForm, handlerOfPair };
  const target = join(here, '../cpu/interpreter/generated.js');
  writeFileSync(target, `export const generated = ${JSON.stringify(generated)};\n`);
}

generateInterpreterModule();
