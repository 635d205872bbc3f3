/**
 * Builds the page: bundles bd0 for browsers, and copies the images of the guests that come with it.
 *
 *     node examples/browser/build.mjs [DIRECTORY]
 *
 * DIRECTORY is dist/examples/browser by default.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { rollup } from '@rollup/wasm-node';
import { DEFAULT_DIRECTORY, isMain } from './serve.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const images = fileURLToPath(new URL('../../dist/guest/', import.meta.url));

/** Finds bd0 and its one dependency, which browsers do not find by name. */
const packages = {
  name: 'packages',
  resolveId: (/** @type {string} */ id) =>
    /^[./]/.test(id) || id.startsWith('\0') ? null : fileURLToPath(import.meta.resolve(id)),
};

/** @param {string} directory made if it does not exist; other files in it stay */
export async function build(directory) {
  const inputs = { page: join(here, 'page.mjs'), worker: join(here, 'worker.mjs') };
  const entries = Object.values(inputs);
  // Only the entries do something when they are loaded, so that unused modules can be left out.
  const treeshake = { moduleSideEffects: (/** @type {string} */ id) => entries.includes(id) };
  const bundle = await rollup({ input: inputs, plugins: [packages], treeshake });
  mkdirSync(join(directory, 'images'), { recursive: true });
  await bundle.write({ dir: directory, format: 'es', entryFileNames: '[name].js' });
  await bundle.close();
  for (const name of ['index.html', 'style.css']) copyFileSync(join(here, name), join(directory, name));
  const names = existsSync(images) ? readdirSync(images).sort() : [];
  for (const name of names) copyFileSync(join(images, name), join(directory, 'images', name));
  writeFileSync(join(directory, 'images.json'), JSON.stringify(names));
  return { directory, names };
}

if (isMain(import.meta.url)) {
  const { directory, names } = await build(resolve(process.argv[2] ?? DEFAULT_DIRECTORY));
  console.log(`${directory} has the page and ${names.length} guest images`);
  if (names.length === 0) console.log('no guest images are built: npm run build makes them, with gcc or clang');
}
