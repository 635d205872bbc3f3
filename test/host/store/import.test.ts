import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { ContentHasher } from '../../../src/vmo/content/content-hasher.js';
import { collectGarbage } from '../../../src/host/store/collect.js';
import { DiskStore } from '../../../src/host/store/disk-store.js';
import { importPath, importStream, type ImportProgress } from '../../../src/host/store/import.js';
import { encodeListing, readListing, type TreeEntry } from '../../../src/host/store/listing.js';
import { verifyStore } from '../../../src/host/store/verify.js';
import { sha256 } from '../../../src/host/sha256.js';
import { MemoryFiles } from './memory-files.js';
import { bytesOf, content, fileOf, openIn } from './support.js';

const large = content(3, 2_500_000);

/** Makes the same tree in any order. */
function makeTree(directory: string, isBackwards: boolean): void {
  const steps = [
    (): void => writeFileSync(`${directory}/large`, large),
    (): void => writeFileSync(`${directory}/empty`, ''),
    (): void => writeFileSync(`${directory}/ünïcode`, 'text'),
    (): void => writeFileSync(`${directory}/sub/run`, '#!/bin/sh\n'),
    (): void => chmodSync(`${directory}/sub/run`, 0o755),
    (): void => writeFileSync(`${directory}/sparse`, ''),
    (): void => truncateSync(`${directory}/sparse`, 50_000_000),
    (): void => symlinkSync('../nowhere', `${directory}/sub/link`),
  ];
  mkdirSync(`${directory}/sub/none`, { recursive: true });
  for (const step of isBackwards ? [...steps.slice(5), ...steps.slice(0, 5)] : steps) step();
  if (isBackwards) utimesSync(`${directory}/large`, 1, 1);
}

function idOf(bytes: Uint8Array): string {
  return new ContentHasher(sha256).append(bytes).finish();
}

t.test('a tree has one identity, whatever the order and the times in which it was made', async (t) => {
  const directory = t.testdir({ one: {}, two: {} });
  makeTree(`${directory}/one`, false);
  makeTree(`${directory}/two`, true);
  const store = openIn(new MemoryFiles());
  const seen: ImportProgress[] = [];
  const one = await importPath(store, `${directory}/one`, { onProgress: (progress) => seen.push(progress) });
  const two = await importPath(store, `${directory}/two/`);
  t.equal(one.id, two.id);
  t.match(one, { files: 5, directories: 3, links: 1, bytes: large.length + 50_000_014, skipped: [] });
  t.strictSame(seen.at(-1), { files: 5, bytes: one.bytes });
  const [sparse, sub] = [idOf(new Uint8Array(50_000_000)), readListing(bytesOf(store, one.id)!).at(-2)];
  const expected = [
    { type: 'file', name: 'empty', id: idOf(new Uint8Array(0)), executable: false },
    { type: 'file', name: 'large', id: idOf(large), executable: false },
    { type: 'file', name: 'sparse', id: sparse, executable: false },
    { type: 'tree', name: 'sub', id: (sub as TreeEntry & { id: string }).id },
    { type: 'file', name: 'ünïcode', id: idOf(Buffer.from('text')), executable: false },
  ];
  t.strictSame(readListing(bytesOf(store, one.id)!), expected);
  t.strictSame(readListing(bytesOf(store, (sub as TreeEntry & { id: string }).id)!), [
    { type: 'link', name: 'link', target: '../nowhere' },
    { type: 'tree', name: 'none', id: idOf(encodeListing([])) },
    { type: 'file', name: 'run', id: idOf(Buffer.from('#!/bin/sh\n')), executable: true },
  ]);
  t.strictSame(Buffer.compare(bytesOf(store, idOf(large))!, large), 0);
  store.close();
});

t.test('a name that stands for a tree keeps all that is in it; a pin of a file keeps that file', async (t) => {
  const directory = t.testdir({ tree: { a: 'in a', sub: { b: 'in b' } }, other: { c: 'in c', d: 'in d' } });
  const files = new MemoryFiles();
  const store = openIn(files);
  const tree = await importPath(store, `${directory}/tree`);
  await importPath(store, `${directory}/other`);
  store.names.compareAndSwap('tree', undefined, tree);
  store.pin(fileOf(idOf(Buffer.from('in c'))), true);
  store.close();
  const collector = openIn(files, 'collect');
  const dry = await collectGarbage(collector, { dryRun: true });
  const done = await collectGarbage(collector);
  t.match(done, { ...dry, removedRecords: 4 });
  t.match(await collectGarbage(collector), { removedRecords: 0, packsRemoved: 0, keptRecords: done.keptRecords });
  for (const text of ['in a', 'in b', 'in c']) t.ok(bytesOf(collector, idOf(Buffer.from(text))), text);
  t.equal(bytesOf(collector, idOf(Buffer.from('in d'))), undefined);
  t.strictSame((await verifyStore(collector)).problems, []);
  collector.close();
});

t.test('what is no file is left out and told; what cannot be taken in ends the import', async (t) => {
  const directory = t.testdir({ tree: { file: 'x' }, bad: {} });
  execFileSync('mkfifo', [`${directory}/tree/pipe`]);
  writeFileSync(Buffer.concat([Buffer.from(`${directory}/bad/`), Buffer.of(0xff)]), '');
  const store = openIn(new MemoryFiles());
  t.strictSame((await importPath(store, `${directory}/tree`)).skipped, [`${directory}/tree/pipe`]);
  await t.rejects(importPath(store, `${directory}/bad`), { message: /^the name of '.*' is not UTF-8$/ });
  await t.rejects(importPath(store, `${directory}/none`), { message: /no such file or directory/, code: 'not-found' });
  await t.rejects(importPath(store, '/dev/null'), { message: "'/dev/null' is neither a file nor a directory" });
  const stop = new AbortController();
  stop.abort(new Error('enough'));
  await t.rejects(importStream(store, [large], { signal: stop.signal }), { message: 'enough' });
  t.strictSame((await verifyStore(store)).problems, []);
  store.close();
});

t.test('only what encodeListing makes is a listing', async (t) => {
  const id = 'ab'.repeat(32);
  const whole = encodeListing([
    { type: 'tree', name: 'b', id },
    { type: 'link', name: 'a', target: 'x y' },
  ]);
  t.equal(Buffer.from(whole).toString(), `bd0 tree 1\nl a\0x y\0t${id} b\0`);
  const texts = [
    `bd0 tree 2\n`,
    `bd0 tree 1\nt${id} b`,
    `bd0 tree 1\nt${id} b\0l a\0x\0`,
    `bd0 tree 1\nt${id} a\0t${id} a\0`,
    `bd0 tree 1\nt${id.slice(1)} a\0`,
    `bd0 tree 1\nt${id} ..\0`,
    `bd0 tree 1\nt${id} a/b\0`,
    `bd0 tree 1\nl a\0`,
    `bd0 tree 1\nq${id} a\0`,
  ];
  for (const text of texts) t.throws(() => readListing(Buffer.from(text)), { name: 'HostError' }, JSON.stringify(text));
});

t.test('a store of another kind is not touched', async (t) => {
  const directory = t.testdir({ file: '', other: { format: 'bd0 store 9\n' } });
  t.throws(() => DiskStore.open(directory, { mode: 'write', create: true }), { message: /not empty and no store/ });
  t.throws(() => DiskStore.open(`${directory}/other`, { mode: 'write' }), { message: /no store of this version/ });
  t.throws(() => DiskStore.open(`${directory}/none`, { mode: 'write' }), { message: /there is no store in/ });
});
