import { appendFileSync, chmodSync, linkSync, mkdirSync, rmSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'; // prettier-ignore
import t from 'tap';
import { bytesOfText, byteText, byteTextOf, decoded, shown, type ByteText } from '../../../src/host/byte-text.js';
import { ContentHasher } from '../../../src/vmo/content/content-hasher.js';
import { collectGarbage } from '../../../src/host/store/collect.js';
import { DiskStore } from '../../../src/host/store/disk-store.js';
import { importPath, importStream, PROBLEMS_MAX, type Imported, type ImportProgress } from '../../../src/host/store/import.js'; // prettier-ignore
import { encodeListing, readListing, type Listing, type TreeEntry } from '../../../src/host/store/listing.js';
import { hostTree, type HostTree } from '../../../src/host/store/trees/host-tree.js';
import { verifyStore } from '../../../src/host/store/verify.js';
import { sha256 } from '../../../src/host/sha256.js';
import fc from '../../support/fast-check.js';
import { MemoryFiles } from './memory-files.js';
import { AT_ONCE, bytesOf, content, fileOf, openIn } from './support.js';

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

function modeOf(path: string): number {
  return statSync(path).mode & 0o7777;
}

function listingOf(store: DiskStore, id: string): Listing {
  return readListing(bytesOf(store, id)!);
}

function idOf(bytes: Uint8Array): string {
  return new ContentHasher(sha256).append(bytes).finish();
}

t.test('a tree without times has one identity, whatever the order and the times in which it was made', async (t) => {
  const directory = t.testdir({ one: {}, two: {} });
  makeTree(`${directory}/one`, false);
  makeTree(`${directory}/two`, true);
  const store = openIn(new MemoryFiles());
  const seen: ImportProgress[] = [];
  const onProgress = (progress: ImportProgress): number => seen.push(progress);
  const one = await importPath(store, `${directory}/one`, { onProgress, times: false });
  const two = await importPath(store, `${directory}/two/`, { times: false });
  t.equal(one.id, two.id);
  t.match(one, { files: 5, directories: 3, links: 1, bytes: large.length + 50_000_014, problems: [], problemCount: 0 });
  t.strictSame(seen.at(-1), { files: 5, bytes: one.bytes });
  t.not((await importPath(store, `${directory}/one`)).id, one.id, 'times are a part of the identity');
  const { attributes, entries } = listingOf(store, one.id);
  t.strictSame(attributes, { mode: modeOf(`${directory}/one`) });
  t.strictSame(
    entries.map((entry) => [decoded(entry.name), entry.type, 'id' in entry && entry.type === 'file' && entry.id]),
    [
      ['empty', 'file', idOf(new Uint8Array(0))],
      ['large', 'file', idOf(large)],
      ['sparse', 'file', idOf(new Uint8Array(50_000_000))],
      ['sub', 'tree', false],
      ['ünïcode', 'file', idOf(Buffer.from('text'))],
    ],
  );
  const sub = entries.find(({ type }) => type === 'tree') as TreeEntry & { id: string };
  t.match(listingOf(store, sub.id).entries, [
    { type: 'link', name: 'link', target: '../nowhere', attributes: { mode: 0o777 } },
    { type: 'tree', name: 'none' },
    { type: 'file', name: 'run', id: idOf(Buffer.from('#!/bin/sh\n')), attributes: { mode: 0o755 } },
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
  const dry = await collectGarbage(collector, { ...AT_ONCE, dryRun: true });
  const done = await collectGarbage(collector, AT_ONCE);
  t.match(done, { ...dry, removedRecords: 4 });
  t.match(await collectGarbage(collector, AT_ONCE), {
    removedRecords: 0,
    packsRemoved: 0,
    keptRecords: done.keptRecords,
  });
  for (const text of ['in a', 'in b', 'in c']) t.ok(bytesOf(collector, idOf(Buffer.from(text))), text);
  t.equal(bytesOf(collector, idOf(Buffer.from('in d'))), undefined);
  t.strictSame((await verifyStore(collector)).problems, []);
  collector.close();
});

/** The host, with faults: `status` may change what is said of a path, and `read` may do things first. */
function faultyHost(faults: Partial<HostTree>): HostTree {
  return { ...hostTree, ...faults };
}

function refusal(code: string, errno: number): Error {
  return Object.assign(new Error(code), { code, errno, syscall: 'test' });
}

/** What was reported: the end of each path, and what of it is in the tree. */
function reported({ problems }: Imported): Record<string, [string, boolean]> {
  return Object.fromEntries(problems.map(({ path, reason, isLeftOut }) => [path.slice(path.lastIndexOf('/') + 1), [reason, isLeftOut]])); // prettier-ignore
}

t.test('an entry that cannot be read is reported, and the import goes on', async (t) => {
  const directory = t.testdir({ tree: { denied: 'x', gone: 'x', broken: 'x', socket: '', locked: { a: 'x' }, kept: 'kept', sub: { kept: 'kept' } } }); // prettier-ignore
  const tree = `${directory}/tree`;
  const names = new Map<number, string>();
  const host = faultyHost({
    list(path) {
      if (path.endsWith('/locked')) throw refusal('EACCES', -13);
      return hostTree.list(path);
    },
    status: (path) => ({ ...hostTree.status(path), ...(path.endsWith('/socket') && { kind: 'socket' as const }) }),
    open(path) {
      if (path.endsWith('/denied')) throw refusal('EACCES', -13);
      if (path.endsWith('/gone')) rmSync(path);
      const file = hostTree.open(path);
      names.set(file, path);
      return file;
    },
    read(file, target) {
      if (names.get(file)!.endsWith('/broken')) throw refusal('EIO', -5);
      return hostTree.read(file, target);
    },
  });
  const store = openIn(new MemoryFiles());
  const imported = await importPath(store, tree, { host });
  t.strictSame(reported(imported), {
    broken: ['i/o error', true],
    denied: ['permission denied', true],
    gone: ['it is no longer there', true],
    locked: ['permission denied', true],
    socket: ['it is a socket', true],
  });
  t.equal(imported.problemCount, 5);
  t.strictSame(listingOf(store, imported.id).entries.map(({ name }) => name), ['kept', 'sub']); // prettier-ignore
  t.strictSame((await verifyStore(store)).problems, []);
  const many = t.testdir(Object.fromEntries(Array.from({ length: PROBLEMS_MAX + 20 }, (_, i) => [`f${i}`, 'x'])));
  const open = (): never => {
    throw refusal('EACCES', -13);
  };
  const none = await importPath(store, many, { host: faultyHost({ open }) });
  t.strictSame(
    [none.problems.length, none.problemCount],
    [PROBLEMS_MAX, PROBLEMS_MAX + 20],
    'a bounded number is kept',
  );
  store.close();
});

t.test('a path that cannot be read itself ends the import', async (t) => {
  const directory = t.testdir({ tree: { file: 'x' } });
  const store = openIn(new MemoryFiles());
  await t.rejects(importPath(store, `${directory}/none`), { message: /no such file or directory/, code: 'not-found' });
  await t.rejects(importPath(store, '/dev/null'), { message: /'\/dev\/null': it is neither a file nor a directory/ });
  const list = (): never => {
    throw refusal('EACCES', -13);
  };
  await t.rejects(importPath(store, `${directory}/tree`, { host: faultyHost({ list }) }), { message: /cannot read '.*tree': permission denied/ }); // prettier-ignore
  const stop = new AbortController();
  stop.abort(new Error('enough'));
  await t.rejects(importStream(store, [large], { signal: stop.signal }), { message: 'enough' });
  t.strictSame((await verifyStore(store)).problems, []);
  store.close();
});

t.test('a file is read as far as it went when it was opened, and a change is reported', async (t) => {
  const directory = t.testdir({ growing: 'begin', shrinking: 'x'.repeat(100), touched: 'same', endless: 'e' });
  const names = new Map<number, string>();
  const done = new Set<string>();
  const host = faultyHost({
    open(path) {
      const file = hostTree.open(path);
      names.set(file, path.slice(path.lastIndexOf('/') + 1));
      return file;
    },
    read(file, target) {
      const name = names.get(file)!;
      const path = `${directory}/${name}`;
      const isFirst = !done.has(name);
      done.add(name);
      if (name === 'growing' && isFirst) appendFileSync(path, ' and more');
      if (name === 'shrinking' && isFirst) truncateSync(path, 10);
      if (name === 'touched' && isFirst) utimesSync(path, 5, 5);
      if (name === 'endless') return target.fill(101).length;
      return hostTree.read(file, target);
    },
  });
  const store = openIn(new MemoryFiles());
  const imported = await importPath(store, directory, { host });
  t.match(reported(imported), {
    endless: ['it has more bytes than the 1 that it had when it was opened', false],
    growing: ['it has more bytes than the 5 that it had when it was opened', false],
    shrinking: ['it became shorter while it was read: 10 of 100 bytes are in', false],
    touched: ['it changed while it was read', false],
  });
  const ids = listingOf(store, imported.id).entries.map((entry) => 'id' in entry && entry.id);
  t.strictSame(ids, ['e', 'begin', 'x'.repeat(10), 'same'].map((text) => idOf(Buffer.from(text)))); // prettier-ignore
  store.close();
});

t.test('names and targets are bytes, and none is taken for another', async (t) => {
  const directory = t.testdir({});
  const names = [Buffer.of(0xff), Buffer.from('\ufffd'), Buffer.from('\\xff'), Buffer.from('a\nb'), Buffer.from('\u202e'), Buffer.of(0xc3)]; // prettier-ignore
  for (const name of names) writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), name]), name);
  symlinkSync(Buffer.of(0xfe, 0x2f, 0xff), `${directory}/link`);
  const store = openIn(new MemoryFiles());
  const { id } = await importPath(store, directory);
  const { entries } = listingOf(store, id);
  const expected = [...names, Buffer.from('link')].sort(Buffer.compare);
  t.strictSame(entries.map(({ name }) => bytesOfText(name)), expected); // prettier-ignore
  for (const entry of entries) {
    if (entry.type === 'file') t.equal(entry.id, idOf(bytesOfText(entry.name)));
    else t.match(entry, { type: 'link', target: '\xfe/\xff' });
  }
  const texts = entries.map(({ name }) => shown(name));
  t.equal(new Set(texts).size, texts.length, 'each is shown in its own way');
  for (const text of texts) t.notMatch(text, /[\p{Cc}\u202e]/u);
  store.close();
});

t.test('files with several names are one file in each tree that holds two of them', async (t) => {
  const directory = t.testdir({ tree: { a: { x: 'one', y: {} }, b: { other: 'two' } } });
  const tree = `${directory}/tree`;
  linkSync(`${tree}/a/x`, `${tree}/a/y/z`);
  linkSync(`${tree}/a/x`, `${tree}/b/w`);
  linkSync(`${tree}/b/other`, `${tree}/last`);
  linkSync(`${tree}/b/other`, `${directory}/outside`);
  symlinkSync('x', `${tree}/a/link`);
  linkSync(`${tree}/a/link`, `${tree}/a/same`);
  const store = openIn(new MemoryFiles());
  const whole = await importPath(store, tree);
  t.equal(whole.files, 2, 'each is read once');
  t.strictSame(listingOf(store, whole.id).hardLinks, [['a/x', 'b/w'], ['b/other', 'last']]); // prettier-ignore
  const part = await importPath(store, `${tree}/a`);
  t.strictSame(listingOf(store, part.id).hardLinks, [['link', 'same'], ['x', 'y/z']]); // prettier-ignore
  const [a] = listingOf(store, whole.id).entries;
  t.equal((a as TreeEntry & { id: string }).id, part.id, 'a listing says only what lies below it');
  store.close();
});

t.test('a store is not imported into itself', async (t) => {
  const directory = t.testdir({ tree: { data: content(1, 300_000).join('') } });
  const store = DiskStore.open(`${directory}/tree/deep-store`, { mode: 'write', create: true });
  symlinkSync('deep-store', `${directory}/tree/link`);
  const imported = await importPath(store, `${directory}/tree`);
  t.strictSame(imported.stores, [`${directory}/tree/deep-store`]);
  t.strictSame(listingOf(store, imported.id).entries.map(({ name }) => name), ['data', 'link']); // prettier-ignore
  for (const path of ['deep-store', 'link', 'deep-store/packs'])
    await t.rejects(importPath(store, `${directory}/tree/${path}`), { message: /: it is the store itself$/ });
  store.close();
});

/** A record with the prototype of all objects, as the reader makes them. */
function plain<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

const bytes = fc.uint8Array({ maxLength: 6 }).map(byteText);
const mostlyName = fc.oneof({ weight: 30, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 6 }).map(byteText) }, { weight: 1, arbitrary: fc.constantFrom('', '.', '..', 'a/b', 'n\0l').map(byteTextOf) }); // prettier-ignore
const number = fc.oneof(
  { weight: 40, arbitrary: fc.nat({ max: 0o7777 }) },
  fc.constantFrom(-1, 0.5, 2 ** 32, 0xffffffff),
);
const time = fc.oneof(
  fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }),
  fc.constantFrom(-1n, 0n, 2n ** 63n * 10n ** 9n),
);
const id = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((hash) => Buffer.from(hash).toString('hex'));

/** Listings that keep the same of each entry, as all do that can be written down; now and then one breaks a rule. */
const listings = plain({ times: fc.boolean(), owners: fc.boolean(), xattrs: fc.boolean() }).chain((kept) => {
  const xattr = plain({ name: mostlyName, value: bytes });
  const xattrs = fc.uniqueArray(xattr, { maxLength: 3, selector: ({ name }) => name }).map((all) => all.sort((a, b) => (a.name < b.name ? -1 : 1))); // prettier-ignore
  const attributes = plain({
    mode: number,
    ...(kept.times && { mtimeNs: time }),
    ...(kept.owners && { owner: plain({ uid: number, gid: number }) }),
    ...(kept.xattrs && { xattrs }),
  });
  const named = { name: mostlyName, attributes };
  const entry = fc.oneof(
    plain({ type: fc.constant('file' as const), ...named, id }),
    plain({ type: fc.constant('tree' as const), name: mostlyName, id }),
    plain({ type: fc.constant('link' as const), ...named, target: bytes, attributes: attributes.map((each) => ({ ...each, mode: 0o777 })) }), // prettier-ignore
    plain({ type: fc.constant('fifo' as const), ...named }),
    plain({ type: fc.constantFrom('character device' as const, 'block device' as const), ...named, major: number, minor: number }), // prettier-ignore
  );
  const entries = fc.uniqueArray(entry, { maxLength: 5, selector: ({ name }) => name });
  return entries.chain((all) => {
    const trees = all.filter(({ type }) => type === 'tree').map(({ name }) => `${name}/below` as ByteText).sort(); // prettier-ignore
    const hardLinks = fc.constantFrom([], ...(trees.length > 1 ? [[trees]] : []), [
      ['nowhere', 'else'].map(byteTextOf),
    ]);
    return plain({ attributes, entries: fc.constant(all as TreeEntry[]), hardLinks });
  });
});

t.test('a listing that can be written is read back as it was, and no other bytes are', async (t) => {
  let written = 0;
  const property = fc.property(listings, fc.nat(), fc.nat({ max: 255 }), (listing, where, value) => {
    let encoded: Uint8Array;
    try {
      encoded = encodeListing(listing);
    } catch (error) {
      t.equal((error as Error).name, 'HostError');
      return;
    }
    written++;
    const read = readListing(encoded);
    const entries = [...listing.entries].sort((a, b) => (a.name < b.name ? -1 : 1));
    t.strictSame(read, { version: 2, ...listing, entries });
    t.strictSame(readListingOr(undefined, encoded.subarray(0, where % encoded.length)), undefined, 'cut');
    t.strictSame(readListingOr(undefined, Buffer.concat([encoded, Buffer.of(value)])), undefined, 'longer');
    const changed = encoded.slice();
    changed[where % changed.length] = value;
    const other = readListingOr(undefined, changed);
    if (other?.version === 2) t.strictSame(encodeListing(other), changed, 'one directory has one listing');
  });
  fc.assert(property, { numRuns: 400 });
  t.ok(written > 50, `${written} of them could be written`);
});

function readListingOr<T>(otherwise: T, bytes: Uint8Array): Listing | T {
  try {
    return readListing(bytes);
  } catch (error) {
    if ((error as Error).name !== 'HostError') throw error;
    return otherwise;
  }
}

t.test('a listing is written down as docs/vmo-format.md says', async (t) => {
  const attributes = { mode: 0o644, mtimeNs: -1n };
  const listing = encodeListing({
    attributes: { mode: 0o1755, mtimeNs: 10n ** 9n + 2n },
    entries: [
      { type: 'link', name: byteTextOf('b'), target: byteTextOf('ü'), attributes: { ...attributes, mode: 0o777 } },
      { type: 'fifo', name: byteTextOf('a'), attributes },
      { type: 'tree', name: byteTextOf('c'), id: 'ab'.repeat(32) },
      { type: 'fifo', name: byteTextOf('d'), attributes },
    ],
    hardLinks: [['a', 'c/x', 'd'].map(byteTextOf)],
  });
  const before = 'ffffffffffffffff' + 'ffc99a3b';
  const parts = [
    ...['62643020747265652032' + '0a', '01', 'ed03', '0100000000000000' + '02000000', '04000000'],
    ...['70', '0100' + '61', 'a401' + before],
    ...['6c', '0100' + '62', 'ff01' + before, '0200' + 'c3bc'],
    ...['74', '0100' + '63', 'ab'.repeat(32)],
    ...['70', '0100' + '64', 'a401' + before],
    ...['01000000', '03000000', '01000000' + '61', '03000000' + '632f78', '01000000' + '64'],
  ];
  t.equal(Buffer.from(listing).toString('hex'), parts.join(''));
});

t.test('listings of version 1 are read', async (t) => {
  const id = 'ab'.repeat(32);
  const old = readListing(Buffer.from(`bd0 tree 1\nl a\0x y\0t${id} b\0x${id} c\0f${id} ünï\0`));
  t.strictSame(old, {
    version: 1,
    attributes: undefined,
    entries: [
      { type: 'link', name: 'a', attributes: { mode: 0o777 }, target: 'x y' },
      { type: 'tree', name: 'b', id },
      { type: 'file', name: 'c', attributes: { mode: 0o777 }, id },
      { type: 'file', name: byteTextOf('ünï'), attributes: { mode: 0o666 }, id },
    ],
    hardLinks: [],
  });
  t.strictSame(readListing(Buffer.from('bd0 tree 1\n')).entries, []);
  const texts = [
    `bd0 tree 3\n`,
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
  const latin1 = Buffer.from(`bd0 tree 1\nt${id} \xff\0`, 'latin1');
  t.throws(() => readListing(latin1), { message: /not UTF-8/ });
});

t.test('a store of another kind is not touched', async (t) => {
  const directory = t.testdir({ file: '', other: { format: 'bd0 store 9\n' } });
  t.throws(() => DiskStore.open(directory, { mode: 'write', create: true }), { message: /not empty and no store/ });
  t.throws(() => DiskStore.open(`${directory}/other`, { mode: 'write' }), { message: /no store of this version/ });
  t.throws(() => DiskStore.open(`${directory}/none`, { mode: 'write' }), { message: /there is no store in/ });
});
