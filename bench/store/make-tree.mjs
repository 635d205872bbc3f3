/**
 * Makes the tree of files that bench/store/compare.mjs takes in: `node make-tree.mjs DIR [MIB]`. The same machine makes the same
 * tree each time: two fifths are files of the system, the rest is generated.
 *
 *     system/      files of /usr, by ascending path
 *     text/        words, of which some are frequent
 *     random/      bytes that nothing compresses
 *     copies/      files of the others again, whole
 *     versions/    the same with one page in 64 changed, as a disk image or a database is from one day to the next
 *     sparse/      a page here and there among zeros
 */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { random } from './random.mjs';

const MIB = 2 ** 20;
const PAGE = 4096;
const [directory, mib = '1024'] = process.argv.slice(2);
const total = Number(mib) * MIB;
if (!directory || directory.startsWith('-') || !(total > 0)) {
  console.error('usage: node make-tree.mjs DIR [MIB]');
  process.exit(2);
}

function write(path, bytes) {
  const file = join(directory, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes);
}

function* filesBelow(path) {
  const entries = readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const below = join(path, entry.name);
    if (entry.isDirectory()) yield* filesBelow(below);
    else if (entry.isFile()) yield below;
  }
}

const copied = [];
function copySystem(budget) {
  let bytes = 0;
  for (const root of ['/usr/bin', '/usr/include', '/usr/lib', '/usr/share'])
    for (const path of filesBelow(root)) {
      const { size } = statSync(path);
      if (bytes + size > budget) continue;
      if (bytes > budget * 0.99) return;
      bytes += size;
      const target = join(directory, 'system', path);
      mkdirSync(dirname(target), { recursive: true });
      copyFileSync(path, target);
      copied.push({ path: join('system', path), size });
    }
}

const words = Array.from({ length: 4000 }, () =>
  Array.from({ length: 2 + (random() % 9) }, () => String.fromCharCode(97 + (random() % 26))).join(''),
);
function text(bytes) {
  const parts = [];
  for (let length = 0; length < bytes;) {
    const word = words[Math.floor((random() / 2 ** 32) ** 3 * words.length)] + (random() % 12 ? ' ' : '.\n');
    parts.push(word);
    length += word.length;
  }
  return Buffer.from(parts.join('').slice(0, bytes));
}

function noise(bytes) {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  for (let i = 0; i < words.length; i++) words[i] = random();
  return Buffer.from(words.buffer, 0, bytes);
}

function fill(folder, budget, make) {
  for (let bytes = 0, n = 0; bytes < budget; n++) {
    const size = Math.min(budget - bytes, n % 10 === 0 ? 16 * MIB : 1 + (random() % (256 * 1024)));
    write(join(folder, `${n % 16}`, `${n}.bin`), make(size));
    bytes += size;
  }
}

function again(folder, budget, change) {
  const large = copied.filter(({ size }) => size > 4 * PAGE);
  for (let bytes = 0, n = 0; bytes < budget && large.length > 0; n++) {
    const { path, size } = large[random() % large.length];
    write(join(folder, `${n}.bin`), change(readFileSync(join(directory, path))));
    bytes += size;
  }
}

function newVersion(bytes) {
  for (let at = 0; at < bytes.length; at += PAGE)
    if (random() % 64 === 0) bytes[at + ((random() % PAGE) % (bytes.length - at))] ^= 1;
  return bytes;
}

function sparse(size) {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at + PAGE <= size; at += PAGE * (1 + (random() % 64))) noise(PAGE).copy(bytes, at);
  return bytes;
}

copySystem(0.4 * total);
fill('text', 0.2 * total, text);
fill('random', 0.12 * total, noise);
again('copies', 0.08 * total, (bytes) => bytes);
again('versions', 0.1 * total, newVersion);
fill('sparse', 0.1 * total, sparse);
