/**
 * What is kept of files that have much in common, by bd0 and by restic, borg and git as far as they are installed:
 * `node dedup.mjs [MIB]`, for images of so many MiB (32). Prints a table in Markdown. All content is random, so that nothing
 * but what is equal makes a store smaller.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { contenders, measure } from './contenders.mjs';
import { random } from './random.mjs';

const PAGE = 4096;
const MIB = 2 ** 20;
const IMAGES = 8;
const [mib = '32'] = process.argv.slice(2);
if (!(Number(mib) > 0)) {
  console.error('usage: node dedup.mjs [MIB]');
  process.exit(2);
}
const pages = (Number(mib) * MIB) / PAGE;

function noise(bytes) {
  return Buffer.from(Uint32Array.from({ length: bytes / 4 }, random).buffer);
}

/** Runs of 1 to 64 pages in another order: the same files on one disk and on another. */
function rearranged(image) {
  const runs = [];
  for (let at = 0; at < image.length;) {
    const bytes = PAGE * (1 + (random() % 64));
    runs.push(image.subarray(at, at + bytes));
    at += bytes;
  }
  for (let i = runs.length - 1; i > 0; i--) {
    const j = random() % (i + 1);
    [runs[i], runs[j]] = [runs[j], runs[i]];
  }
  return Buffer.concat(runs);
}

function nextVersion(image) {
  const next = Buffer.from(image);
  for (let n = 0; n < pages / 100; n++) noise(PAGE).copy(next, (random() % pages) * PAGE);
  return next;
}

/** By name, how each image follows from the one before it. */
const SETS = {
  'the same files, elsewhere in each image': rearranged,
  'one page in 100 changed': nextVersion,
  'a page inserted in front': (image) => Buffer.concat([noise(PAGE), image.subarray(0, -PAGE)]),
  'a byte inserted in front': (image) => Buffer.concat([noise(PAGE).subarray(0, 1), image.subarray(0, -1)]),
};

function distinctMib(images) {
  const distinct = new Set();
  for (const image of images)
    for (let at = 0; at < image.length; at += PAGE) distinct.add(image.toString('latin1', at, at + 16));
  return (distinct.size * PAGE) / MIB;
}

const rows = Object.entries(SETS).map(([name, next]) => {
  const images = [noise(pages * PAGE)];
  while (images.length < IMAGES) images.push(next(images.at(-1)));
  const tree = mkdtempSync(join(tmpdir(), 'dedup-'));
  try {
    images.forEach((image, i) => writeFileSync(join(tree, `${i}.img`), image));
    const sizes = Object.values(contenders(tree)).map((contender) => measure(contender)?.size.toFixed(0) ?? '');
    return [name, distinctMib(images).toFixed(0), ...sizes];
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
});
console.log(
  `| ${IMAGES} images of ${mib} MiB, MiB on disk | distinct pages | ${Object.keys(contenders('')).join(' | ')} |`,
);
console.log(`| --- |${' ---: |'.repeat(rows[0].length - 1)}`);
for (const row of rows) console.log(`| ${row.join(' | ')} |`);
