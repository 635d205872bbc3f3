/** Compares identities with a second implementation in Python. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { ContentHasher } from '../../src/vmo/content/content-hasher.js';
import { VmoStore } from '../../src/vmo/store.js';
import fc from '../support/fast-check.js';
import { nativeHash, noise, PAGE } from './model.js';

const script = fileURLToPath(new URL('../../../test/vmo/identity.py', import.meta.url));

interface File {
  readonly length: number;
  readonly extents: readonly { readonly offset: number; readonly bytes: Uint8Array }[];
}

const bytes = fc
  .tuple(fc.oneof(fc.nat({ max: 60 }), fc.nat({ max: 5 * PAGE })), fc.nat({ max: 2 ** 31 }), fc.nat({ max: 5 }))
  .map(([length, seed, kind]) => (kind === 0 ? new Uint8Array(length) : noise(length, seed)));

/** A file without holes. */
const plain: fc.Arbitrary<File> = bytes.map((all) => ({ length: all.length, extents: [{ offset: 0, bytes: all }] }));

/** A sparse file of up to 2^48 bytes with a few extents. */
const sparse: fc.Arbitrary<File> = fc
  .tuple(
    fc.nat({ max: 48 }),
    fc.nat({ max: PAGE }),
    fc.array(fc.tuple(fc.double({ max: 1, min: 0, noNaN: true }), bytes)),
  )
  .map(([power, less, drawn]) => {
    const length = Math.max(0, 2 ** power - less);
    const extents = drawn.map(([part, all]) => {
      const cut = all.subarray(0, length);
      return { offset: Math.floor(part * (length - cut.length)), bytes: cut };
    });
    return { length, extents };
  });

/** A file in the format that the script reads. */
function written({ length, extents }: File): Buffer {
  const header = Buffer.alloc(12);
  header.writeBigUInt64LE(BigInt(length));
  header.writeUInt32LE(extents.length, 8);
  const parts = extents.flatMap(({ offset, bytes }) => {
    const head = Buffer.alloc(12);
    head.writeBigUInt64LE(BigInt(offset));
    head.writeUInt32LE(bytes.length, 8);
    return [head, bytes];
  });
  return Buffer.concat([header, ...parts]);
}

function pythonIds(files: readonly File[]): string[] {
  const input = Buffer.concat(files.map(written));
  const { error, status, stdout, stderr } = spawnSync('python3', [script], { input, encoding: 'utf8' });
  if (error) throw new Error(`python3 is needed to run ${script} (package python3): ${error.message}`);
  if (status !== 0) throw new Error(`${script} ended with ${status}: ${stderr}`);
  return stdout.trimEnd().split('\n');
}

t.test('a thousand random files have the identity computed by the Python implementation', async (t) => {
  const files = [
    ...fc.sample(fc.noBias(plain), { numRuns: 500, seed: 1 }),
    ...fc.sample(fc.noBias(sparse), { numRuns: 500, seed: 2 }),
    { length: 0, extents: [] },
    { length: 2 ** 48, extents: [{ offset: 2 ** 48 - 1, bytes: Uint8Array.of(1) }] },
  ];
  const wanted = pythonIds(files);
  t.equal(wanted.length, files.length);
  t.ok(new Set(wanted).size > 800, 'they differ');
  let hashed = 0;
  files.forEach(({ length, extents }, i) => {
    const store = new VmoStore(nativeHash);
    const ids = [store.delta(store.zeros(length), extents).id];
    const builder = store.builder();
    for (const { offset, bytes } of extents) builder.write(offset, bytes);
    if (builder.length < length) builder.copyFrom(store.zeros(length - builder.length));
    ids.push(builder.commit().id);
    if (length <= 2 ** 17) {
      ids.push(new ContentHasher(nativeHash).append(store.open(ids[0]!)!.read(0, length)).finish());
      hashed++;
    }
    for (const id of ids) if (id !== wanted[i]) t.fail(`file ${i}, ${length} bytes: * ${id}, Python has ${wanted[i]}`);
  });
  t.ok(hashed > 500, `${hashed} of them hashed as streams, too`);
});
