/** The persistent store of translations: code is found again, verified, and translated anew if it is damaged. */
import t from 'tap';
import { Code } from '../../src/cpu/wasm/encoding/code.js';
import { WasmModule } from '../../src/cpu/wasm/encoding/module.js';
import {
  decodeRecord,
  encodeRecord,
  type CodeRecord,
  type CodeStore,
} from '../../src/cpu/translator/cache/code-record.js';
import type { TranslationStats } from '../../src/index.js';
import { guestImage, runGuest, sha256 } from '../support/guest-programs.js';

/** A store in memory. */
class MapStore implements CodeStore {
  readonly records = new Map<string, Uint8Array>();

  get(key: Uint8Array): Uint8Array | undefined {
    return this.records.get(Buffer.from(key).toString('hex'));
  }
  put(key: Uint8Array, bytes: Uint8Array): void {
    this.records.set(Buffer.from(key).toString('hex'), bytes.slice());
  }
}

interface Ran {
  readonly output: string;
  readonly hash: string;
  readonly translation: TranslationStats;
}

async function run(codeStore?: CodeStore): Promise<Ran> {
  const options = { args: ['12'], translationThreshold: 0, ...(codeStore && { codeStore }) };
  const { output, computer, statistics } = await runGuest(guestImage('fib'), options);
  return { output: output.toString(), hash: computer.machineHash(), translation: statistics.translation! };
}

const expected = await run();
const full = new MapStore();
const first = await run(full);
const { modulesInAll } = expected.translation;

/** Runs with a store whose answers are modified by `change`. */
function runWith(change: (bytes: Uint8Array, key: Uint8Array) => Uint8Array | undefined): Promise<Ran> {
  return run({
    get: (key) => {
      const bytes = full.get(key);
      return bytes && change(bytes.slice(), key);
    },
    put: () => {},
  });
}

function sampleRecord(): { key: Uint8Array; bytes: Uint8Array; record: CodeRecord } {
  const [hex, bytes] = [...full.records].sort(([, a], [, b]) => a.length - b.length)[0]!;
  const key = Uint8Array.from(Buffer.from(hex, 'hex'));
  return { key, bytes, record: decodeRecord(bytes, key, sha256)! };
}

t.test('code translated by one machine is not translated again by another', async (t) => {
  t.equal(first.output, expected.output);
  t.equal(first.hash, expected.hash);
  t.equal(first.translation.hitsInStore, 0);
  t.equal(full.records.size, modulesInAll);
  const kept = full.records.size;
  const second = await run(full);
  t.equal(second.output, expected.output);
  t.equal(second.hash, expected.hash);
  t.equal(second.translation.instructionsTranslated, 0);
  t.equal(second.translation.hitsInStore, modulesInAll);
  t.equal(second.translation.modulesInAll, modulesInAll);
  t.equal(second.translation.wasmBytes, expected.translation.wasmBytes);
  t.equal(full.records.size, kept);
});

t.test('a stored record is read back unchanged', async (t) => {
  for (const [hex, bytes] of full.records) {
    const key = Uint8Array.from(Buffer.from(hex, 'hex'));
    const record = decodeRecord(bytes, key, sha256)!;
    t.equal(Buffer.compare(encodeRecord(record, sha256), bytes), 0);
    t.ok(record.entries.length > 0 && record.minimumTicks > 0 && WebAssembly.validate(record.bytes as BufferSource));
  }
});

t.test('a record that is changed, truncated or stored under another key is rejected', async (t) => {
  const { key, bytes, record } = sampleRecord();
  t.ok(record);
  const accepted: string[] = [];
  const offer = (what: string, encoded: Uint8Array, under = key): void => {
    if (decodeRecord(encoded, under, sha256)) accepted.push(what);
  };
  for (let at = 0; at < bytes.length; at++) {
    const changed = bytes.slice();
    changed[at]! ^= 1 << (at % 8);
    offer(`byte ${at} changed`, changed);
    offer(`cut at ${at}`, bytes.subarray(0, at));
    offer(`from ${at}`, bytes.subarray(at + 1));
  }
  offer('one byte more', Uint8Array.from([...bytes, 0]));
  for (let at = 0; at < key.length; at++) {
    const other = key.slice();
    other[at]! ^= 0x80;
    offer(`key with byte ${at} changed`, bytes, other);
  }
  t.strictSame(accepted, []);
});

t.test('inconsistent lengths are rejected even if the digest matches', async (t) => {
  const { key, bytes } = sampleRecord();
  for (let field = 40; field < 56; field += 4)
    for (const value of [0, 1, 0x7fff_ffff, 0xffff_ffff]) {
      const changed = bytes.slice();
      const view = new DataView(changed.buffer);
      const same = view.getUint32(field, true) === value;
      view.setUint32(field, value, true);
      changed.set(sha256(changed.subarray(0, -32)), changed.length - 32);
      // Any number of ticks but 0 is one that a region could need.
      const isRight = same || (field === 40 && value !== 0);
      t.equal(decodeRecord(changed, key, sha256) !== undefined, isRight, `${value} at ${field}`);
    }
});

t.test('a machine with a damaged store translates again', async (t) => {
  const keys = [...full.records.values()];
  const changes: Record<string, (bytes: Uint8Array, key: Uint8Array) => Uint8Array | undefined> = {
    nothing: () => undefined,
    empty: () => new Uint8Array(0),
    cut: (bytes) => bytes.subarray(0, bytes.length >> 1),
    'a bit turned': (bytes) => bytes.fill(bytes[99]! ^ 4, 99, 100),
    "another record's bytes": (bytes) => keys.find((other) => Buffer.compare(other, bytes) !== 0),
    'no bytes at all': () => 'text' as unknown as Uint8Array,
  };
  for (const [name, change] of Object.entries(changes)) {
    const ran = await runWith(change);
    t.equal(ran.output, expected.output, name);
    t.equal(ran.hash, expected.hash, name);
    t.equal(ran.translation.hitsInStore, 0, name);
    t.equal(ran.translation.instructionsTranslated, expected.translation.instructionsTranslated, name);
  }
});

/** A well-formed module that exports one function. */
function otherModule(name: string, parameters: readonly 'i32'[]): Uint8Array {
  const module = new WasmModule();
  module.add(module.type(parameters, ['i32']), new Code(parameters).i32(0), name);
  return module.encode(1);
}

t.test('a valid module that is not a region is not entered', async (t) => {
  const foreign = new WasmModule();
  foreign.importFunction('elsewhere', foreign.type([], []));
  foreign.add(foreign.type([], ['i32']), new Code([]).i32(0), 'run');
  const modules: Record<string, Uint8Array> = {
    'no module': Uint8Array.from([0, 0x61, 0x73, 0x6d, 2, 0, 0, 0]),
    'another name': otherModule('walk', []),
    'another type': otherModule('run', ['i32']),
    'another import': foreign.encode(1),
  };
  for (const [name, module] of Object.entries(modules)) {
    const ran = await runWith((bytes, key) => {
      const record = decodeRecord(bytes, key, sha256)!;
      return encodeRecord({ ...record, bytes: module }, sha256);
    });
    t.equal(ran.output, expected.output, name);
    t.equal(ran.hash, expected.hash, name);
    t.equal(ran.translation.hitsInStore, 0, name);
  }
});

t.test('a machine continues without a store that throws', async (t) => {
  const fail = (): never => {
    throw new Error('the disk is full');
  };
  for (const store of [
    { get: fail, put: fail },
    { get: () => undefined, put: fail },
  ]) {
    const ran = await run(store);
    t.equal(ran.hash, expected.hash);
    t.equal(ran.translation.modulesInAll, modulesInAll);
  }
});
