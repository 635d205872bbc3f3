/** The parts of a store, each on its own. */
import t from 'tap';
import { collectGarbage } from '../../../src/host/store/collect.js';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compiled } from '../../../src/host/package-root.js';
import { decode, encode } from '../../../src/host/store/packs/compression.js';
import { EncodingThreads, GROUPS_AT_ONCE } from '../../../src/host/store/packs/encoding-workers.js';
import { GroupBuilder } from '../../../src/host/store/packs/group-builder.js';
import { requireName } from '../../../src/host/store/names.js';
import { encodeHeader, keptIn, Kind, readHeader } from '../../../src/host/store/packs/pack-format.js';
import { compareBytes, RecordTable } from '../../../src/host/store/packs/record-table.js';
import type { ProcessTable } from '../../../src/host/store/leases.js';
import fc from '../../support/fast-check.js';
import { MemoryFiles } from './memory-files.js';
import { AT_ONCE, bytesOf, content, fileOf, openIn, putBytes } from './support.js';

/** What is kept of records, with repetitions near and far. */
const kepts = fc.array(
  fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constant(content(1, 300)), fc.constant(new Uint8Array(4000))),
  { minLength: 1, maxLength: 40 },
);

/** Threads that run a script, which have been given all that is encoded at once. */
async function startedThreads(script: string): Promise<EncodingThreads> {
  const threads = new EncodingThreads(script);
  for (let i = 0; i < GROUPS_AT_ONCE; i++) await threads.encode(content(i, 10));
  return threads;
}

t.test('threads encode as the caller would, and answer each with what it asked for', async (t) => {
  const threads = await startedThreads(compiled('host/store/packs/encoding-worker.js'));
  const contents = Array.from({ length: 40 }, (_, i) => (i % 3 === 0 ? new Uint8Array(i * 997) : content(i, i * 499)));
  const encoded = await Promise.all(contents.map((each) => threads.encode(each)));
  for (const [i, { encoding, payload }] of encoded.entries()) {
    const expected = encode(contents[i]!);
    if (encoding !== expected.encoding || Buffer.compare(payload, expected.payload) !== 0) t.fail(`content ${i}`);
  }
  t.ok(new Set(encoded.map(({ encoding }) => encoding)).size > 1, 'some are compressed, some are not');
});

t.test('where threads end, what they were asked is refused, and the caller encodes from then on', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'threads-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  for (const [name, text] of [
    ['ends.cjs', "require('node:worker_threads').parentPort.on('message', () => process.exit(3));"],
    ['throws.cjs', "throw new Error('it does not start');"],
  ] as const) {
    const script = join(directory, name);
    writeFileSync(script, text);
    const threads = await startedThreads(script);
    const asked = Array.from({ length: 100 }, (_, i) => threads.encode(content(i, 100)));
    for (const { status } of await Promise.allSettled(asked)) t.equal(status, 'rejected', name);
    t.strictSame(await threads.encode(content(1, 100)), encode(content(1, 100)), `${name}: none is left`);
  }
});

t.test('a group is decoded to what was put in, whichever thread encoded it', async () => {
  await fc.assert(
    fc.asyncProperty(kepts, fc.boolean(), async (all, isAside) => {
      const group = new GroupBuilder(Kind.code);
      all.forEach((kept, i) => group.add(content(i, 32), kept));
      const same = (kept: Uint8Array, i: number): boolean => Buffer.compare(kept, all[i]!) === 0;
      if (!all.every((_, i) => same(group.kept(i), i))) return false;
      if (isAside) await group.encodeAside();
      const encoded = group.encode();
      const header = readHeader(encodeHeader(Kind.code, group.records, group.contentBytes, encoded))!;
      const kept = keptIn(decode(encoded, header.contentBytes)!, header)!;
      return kept.length === all.length && kept.every(same) && all.every((_, i) => same(group.kept(i), i));
    }),
    { numRuns: 200 },
  );
});

t.test('any bytes are a payload and a content of the size asked for, or are refused', async () => {
  const header = { kind: Kind.leaf, encoding: 0, payloadBytes: 0, payloadCrc: 0, contentBytes: 0 };
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 60 }),
      fc.nat(1),
      fc.nat(80),
      fc.nat(8),
      (payload, encoding, size, records) => {
        const content = decode({ encoding, payload }, size);
        if (content && content.length !== size) return false;
        const kept = keptIn(payload, { ...header, records });
        return !kept || kept.reduce((sum, { length }) => sum + length, 4 * records) === payload.length;
      },
    ),
    { numRuns: 2000 },
  );
});

t.test('a table finds what was added, and sorts it by all bytes', async (t) => {
  const table = new RecordTable();
  // Equal first words, so that the other bytes decide.
  const hashes = Array.from({ length: 20_000 }, (_, n) => {
    const hash = content(2 * n + 1, 32);
    if (n % 30 === 0) hash.fill(7, 0, 8);
    return hash;
  });
  for (const [n, hash] of hashes.entries())
    table.add(hash, { pack: n % 5, offset: n, kind: Kind.node, number: 66 + n });
  for (const [n, hash] of hashes.entries()) if (table.place(table.find(hash)).offset > n) t.fail(`${n} is not found`);
  t.equal(table.add(hashes[5]!, { pack: 0, offset: 0, kind: Kind.leaf, number: 0 }), false);
  t.equal(table.find(new Uint8Array(32)), -1);
  const order = [...table.sorted(Array.from({ length: table.count }, (_, entry) => entry))].map((entry) =>
    table.hash(entry),
  );
  for (let i = 1; i < order.length; i++)
    if (compareBytes(order[i - 1]!, order[i]!) >= 0) t.fail(`${i} is out of order`);
  t.equal(order.length, table.count);
});

t.test('names are 1 to 255 bytes of UTF-8 without control characters, in parts', async (t) => {
  for (const name of ['a', 'ä/b c/d.e', 'x'.repeat(255), '...', 'a/..b']) t.doesNotThrow(() => requireName(name), name);
  const refused = ['', 'x'.repeat(256), 'ä'.repeat(128), 'a\nb', '\u007f', '\ud800', '/a', 'a/', 'a//b', '.', 'a/../b'];
  for (const name of [...refused, 'ab'.repeat(32)])
    t.throws(() => requireName(name), { name: 'HostError' }, JSON.stringify(name));
});

t.test('writers and collectors exclude one another; readers do not, and keep what they have open', async (t) => {
  const files = new MemoryFiles();
  const processes = (pid: number): ProcessTable => ({ self: `${pid}-1`, isAlive: () => true });
  const writer = openIn(files, 'write', processes(1));
  const ids = [await putBytes(writer, content(1, 5000)), await putBytes(writer, content(3, 5000))];
  t.throws(() => openIn(files, 'collect', processes(2)), { message: /process 1 writes to it/ });
  writer.close();
  const before = files.changes.length;
  const reader = openIn(files, 'read', processes(3));
  t.equal(reader.hold(ids[0]!), true);
  t.equal(files.changes.length, before, 'a reader writes nothing');
  const collector = openIn(files, 'collect', processes(4));
  t.throws(() => openIn(files, 'write', processes(5)), { message: /process 4 collects garbage/ });
  await collectGarbage(collector, AT_ONCE);
  collector.close();
  t.equal(Buffer.compare(bytesOf(reader, ids[0]!)!, content(1, 5000)), 0);
  t.equal(Buffer.compare(bytesOf(reader, ids[1]!)!, content(3, 5000)), 0);
  const late = openIn(files, 'read', processes(6));
  t.equal(late.hold(ids[0]!), false, 'who comes later finds nothing');
  t.throws(() => reader.names.compareAndSwap('a', undefined, fileOf(ids[0]!)), /open to read/);
  for (const store of [reader, late]) store.close();
  t.strictSame(files.list('/store/leases'), []);
});

t.test('who reads finds what another one has flushed, at once', async (t) => {
  const files = new MemoryFiles();
  const alive: ProcessTable = { self: '1-1', isAlive: () => true };
  const [writer, reader] = [openIn(files, 'write', alive), openIn(files, 'read', alive)];
  for (let n = 0; n < 20; n++) {
    const id = await putBytes(writer, content(n, 100 * n));
    t.equal(Buffer.compare(bytesOf(reader, id)!, content(n, 100 * n)), 0);
    t.equal(reader.resolve(id.slice(0, 20)), id);
  }
  writer.close();
  reader.close();
});
