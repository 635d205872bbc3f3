/**
 * Bundles what runs in browsers: dist/web is a static site with relative paths, and the module `bd0/web`. The interpreter is a file
 * of its own there, which needs no decoding.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import type { GeneratedInterpreter } from '../../cpu/interpreter/generated.js';
import { customSection } from '../../cpu/wasm/encoding/module.js';
import { packagedImages } from '../toolchain/image-file.js';
import { PAGE_POLICY } from '../content-security-policy.js';
import { compiled, packageRoot } from '../package-root.js';

/** Where the site is built. */
const site = join(packageRoot, 'dist/web');
const guests = join(packageRoot, 'guest');
const staticFiles = join(packageRoot, 'src/web/static');

/** The entries: the page, the worker of a machine, `bd0/web`, and the service worker of the page. */
const ENTRIES = ['page.js', 'worker.js', 'bd0.js', 'offline.js'];

/** What the page loads in another way than the library: the interpreter from a file, and x-at-hand.js by x-on-demand.js. */
const REPLACED = /\/(?:cpu\/interpreter\/generated|\w+-at-hand)\.js$/;

/** The section of the interpreter's file with what else was generated. */
const TABLES = 'bd0';

/** The module that stands for cpu/interpreter/generated.ts: it compiles the file, and reads the tables in it. */
const INTERPRETER_OF_FILE = `
  const file = await fetch(new URL('interpreter.wasm', import.meta.url));
  const module = await WebAssembly.compile(await file.arrayBuffer());
  const [tables] = WebAssembly.Module.customSections(module, '${TABLES}');
  export const generated = { ...JSON.parse(new TextDecoder().decode(tables)), wasm: '', compile: () => module };`;

/** Modules other than the entries only declare things, so unused ones are left out. */
const forBrowsers: Plugin = {
  name: 'for-browsers',
  setup: (bundler) => {
    bundler.onResolve({ filter: /^\./ }, ({ path, resolveDir, kind }) =>
      kind === 'entry-point' ? undefined : { path: resolve(resolveDir, path), sideEffects: false },
    );
    bundler.onLoad({ filter: REPLACED }, ({ path }) =>
      path.endsWith('generated.js')
        ? { contents: INTERPRETER_OF_FILE }
        : {
            contents: `export * from './${basename(path).replace('-at-hand', '-on-demand')}';`,
            resolveDir: dirname(path),
          },
    );
  },
};

/** Builds the bundles. */
export async function bundleWeb({ wasm, ...tables }: GeneratedInterpreter): Promise<void> {
  rmSync(site, { recursive: true, force: true });
  await build({
    entryPoints: ENTRIES.map((name) => compiled(`web/${name}`)),
    outdir: site,
    chunkNames: '[name]-[hash]',
    ...{ bundle: true, splitting: true, minify: true, format: 'esm', target: 'es2022', legalComments: 'eof' },
    plugins: [forBrowsers],
  });
  const section = customSection(TABLES, Buffer.from(JSON.stringify(tables)));
  writeFileSync(join(site, 'interpreter.wasm'), Buffer.concat([Buffer.from(wasm, 'base64'), section]));
  for (const name of readdirSync(staticFiles)) copyFileSync(join(staticFiles, name), join(site, name));
  const page = readFileSync(join(staticFiles, 'index.html'), 'utf8');
  writeFileSync(join(site, 'index.html'), page.replace('{policy}', PAGE_POLICY));
  copyFileSync(fileURLToPath(import.meta.resolve('@xterm/xterm/css/xterm.css')), join(site, 'xterm.css'));
}

/** Copies the guests, once they are compiled, and their sources, and lists them. */
export function addGuests(): void {
  mkdirSync(join(site, 'images'), { recursive: true });
  const parts = readdirSync(site).filter((name) => /\.(js|css|wasm|svg)$/.test(name));
  const images = existsSync(packagedImages) ? readdirSync(packagedImages).sort() : [];
  for (const name of images) copyFileSync(join(packagedImages, name), join(site, 'images', name));
  const entries = readdirSync(guests, { recursive: true, encoding: 'utf8' }).sort();
  const sources = entries.filter((path) => /\.[chS]$/.test(path));
  for (const path of sources) {
    mkdirSync(dirname(join(site, 'sources', path)), { recursive: true });
    copyFileSync(join(guests, path), join(site, 'sources', path));
  }
  writeFileSync(join(site, 'files.json'), JSON.stringify({ parts, images, sources }));
}
