/** A directory that somebody else has filled: what is no file of a store is refused in a line, and nothing outside of it changes. */
import { spawnSync } from 'node:child_process';
import { closeSync, cpSync, ftruncateSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'; // prettier-ignore
import t from 'tap';
import { collectGarbage } from '../../../src/host/store/collect.js';
import { DiskStore } from '../../../src/host/store/disk-store.js';
import type { LeaseMode } from '../../../src/host/store/leases.js';
import { type FileLayer, hostFiles } from '../../../src/host/store/file-layer.js';
import { HostError, isSystemError } from '../../../src/host/failure.js';
import { verifyStore } from '../../../src/host/store/verify.js';
import { AT_ONCE, bytesOf, content, fileOf, putBytes } from './support.js';

t.setTimeout(0);

/** The files of the host, which are not synchronised: that takes long on a busy disk, and shows nothing here. */
const files: FileLayer = { ...hostFiles, sync: () => {}, syncDirectory: () => {} };

const VICTIM = 'what nobody may change\n';
const HUGE = 2 ** 40;

const WORK: Readonly<Record<string, [LeaseMode, (store: DiskStore) => Promise<unknown>]>> = {
  read: [
    'read',
    async (store) => {
      for (const { id } of store.names.references()) bytesOf(store, id);
      await verifyStore(store);
    },
  ],
  'name and remove': [
    'write',
    async (store) => {
      const id = await putBytes(store, content(9, 3000));
      store.names.compareAndSwap('new', undefined, fileOf(id));
      store.names.compareAndSwap('new', id, undefined);
    },
  ],
  collect: ['collect', (store) => collectGarbage(store, AT_ONCE)],
  repair: ['collect', async (store) => (await verifyStore(store), store.repair())],
};

async function inStore(
  directory: string,
  mode: LeaseMode,
  work: (store: DiskStore) => Promise<unknown>,
): Promise<void> {
  const store = DiskStore.open(directory, { mode, files, waitMs: 0 });
  try {
    await work(store);
  } finally {
    store.close();
  }
}

/** Puts something in the place of a path. */
const ODD: Readonly<Record<string, (path: string, outside: string) => void>> = {
  'a directory': (path) => mkdirSync(path),
  garbage: (path) => writeFileSync(path, content(3, 5000)),
  'control characters': (path) => writeFileSync(path, '\n\x1b[31m\x07\r\x9b\n'.repeat(20)),
  'a link to a file': (path, outside) => symlinkSync(`${outside}/file`, path),
  'a link to nothing': (path, outside) => symlinkSync(`${outside}/new`, path),
  'a link to a directory': (path, outside) => symlinkSync(outside, path),
  'a fifo': (path) => spawnSync('mkfifo', [path]),
  'a terabyte of zeros': (path) => {
    const file = openSync(path, 'w');
    ftruncateSync(file, HUGE);
    closeSync(file);
  },
};

async function makeStore(directory: string): Promise<void> {
  const store = DiskStore.open(directory, { mode: 'write', create: true, files });
  for (const [n, name] of ['one', 'two'].entries())
    store.names.compareAndSwap(name, undefined, fileOf(await putBytes(store, content(n, 9000))));
  await putBytes(store, content(5, 9000));
  store.code.put(content(90, 32), content(1, 900));
  store.close();
  writeFileSync(`${directory}/condemned`, '');
  mkdirSync(`${directory}/quarantine`);
}

/** What is wrong with an error: it is one line, and says where. */
function faultOf(error: unknown, directory: string): string | undefined {
  if (isSystemError(error)) return error.path?.startsWith(directory) ? undefined : error.stack;
  if (!(error instanceof Error)) return String(error);
  const isKnown = error instanceof HostError || error.name === 'DamagedRecordError' || /^the record \w+ is missing$/.test(error.message); // prettier-ignore
  return isKnown && !/[\0-\x1f]/.test(error.message) ? undefined : error.stack;
}

t.test('whatever stands in the place of a file or a directory of a store', async (t) => {
  const home = t.testdir();
  const [whole, outside] = [`${home}/whole`, `${home}/outside`];
  await makeStore(whole);
  mkdirSync(outside);
  writeFileSync(`${outside}/file`, VICTIM);
  const names = readdirSync(whole).concat(readdirSync(`${whole}/packs`).map((name) => `packs/${name}`));
  let refused = 0;
  for (const name of names)
    for (const [kind, put] of Object.entries(ODD)) {
      const directory = `${home}/store`;
      rmSync(directory, { recursive: true, force: true });
      cpSync(whole, directory, { recursive: true });
      rmSync(`${directory}/${name}`, { recursive: true });
      put(`${directory}/${name}`, outside);
      for (const [what, [mode, work]] of Object.entries(WORK))
        await inStore(directory, mode, work).catch((error: unknown) => {
          refused++;
          const fault = faultOf(error, directory);
          if (fault) t.fail(`${name} is ${kind}: ${what}: ${fault}`);
        });
      if (readFileSync(`${outside}/file`, 'utf8') !== VICTIM || readdirSync(outside).length !== 1)
        t.fail(`${name} is ${kind}: something outside has changed: ${readdirSync(outside).join(', ')}`);
    }
  t.ok(refused > 100, `${refused} refusals`);
});
