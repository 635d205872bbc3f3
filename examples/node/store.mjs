/**
 * Keeps content in a durable store: compiles a guest, puts its image into the store under a name, runs it from there, and
 * keeps what it published. Run it twice: the second time nothing is new, since equal content has one identity.
 *
 *     node examples/node/store.mjs DIRECTORY
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { Computer } from 'bd0';
import { DiskStore, DurableNames, RunStore, compileGuest, importPath, sha256, statStore } from 'bd0/node';

const GUEST = `
#include <bd0.h>

int main(void)
{
    int64_t text = bd0_vmo_create("kept by a guest\\n", 16);
    return bd0_name_publish("greeting", text, BD0_ANYTHING) != 0;
}
`;

/** Compiles the guest, and returns the identity of its image in the store. */
async function compileInto(/** @type {DiskStore} */ disk) {
  const build = mkdtempSync(join(tmpdir(), 'bd0-example-'));
  try {
    writeFileSync(join(build, 'guest.c'), GUEST);
    const image = join(build, 'guest');
    await compileGuest({ sources: [join(build, 'guest.c')], output: image, compilerOptions: ['-g0'] });
    return (await importPath(disk, image)).id;
  } finally {
    rmSync(build, { recursive: true });
  }
}

/** Runs the image of an identity, with its names in the store. */
function runStored(/** @type {RunStore} */ durable, /** @type {string} */ id) {
  const computer = new Computer({ sha256, names: (store) => new DurableNames(store, durable) });
  const image = durable.hold(id) ? computer.store.openFrom(durable.disk, id) : undefined;
  if (image === undefined) throw new Error(`${id} is not in the store`);
  const program = computer.start(image, { name: 'guest', limitBytes: 2 ** 24 });
  image.close();
  return computer.run(program);
}

const directory = process.argv[2];
if (directory === undefined) {
  console.error('usage: node examples/node/store.mjs DIRECTORY');
  process.exit(1);
}

const disk = DiskStore.open(directory, { mode: 'write', create: true });
const before = statStore(disk).leaves.records;
const id = await compileInto(disk);
disk.names.compareAndSwap('guest', disk.names.get('guest'), { id, kind: 'file' });
console.log(statStore(disk).leaves.records > before ? 'the image is new' : 'the image is known');
disk.close();

const durable = RunStore.open(directory);
const outcome = runStored(durable, id);
console.log(outcome.kind === 'exited' ? `exit code ${outcome.exitCode}` : outcome.kind);
for (const [name, named] of durable.disk.names.entries()) console.log(`${name} is ${named.slice(0, 12)}...`);
durable.close();
