import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { DiskStore } from '../../../src/host/store/disk-store.js';
import { verifyStore } from '../../../src/host/store/verify.js';
import { bytesOf } from './support.js';
import { contentOf } from './writer.js';

const writer = fileURLToPath(new URL('writer.js', import.meta.url));

/** Runs a writer and kills it `afterMs` after its first acknowledgement. Answers the identities that it acknowledged. */
async function runAndKill(directory: string, round: number, afterMs: number): Promise<string[]> {
  const child = spawn(process.execPath, [writer, directory, String(round)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    if (printed === '') setTimeout(() => child.kill('SIGKILL'), afterMs);
    printed += text;
  });
  await once(child, 'close');
  return [...printed.matchAll(/^\d+ ([0-9a-f]{64})$/gm)].map(([, id]) => id!);
}

/**
 * Kills a writer `kills` times, and looks each time that everything acknowledged is there, and the store whole. Answers what
 * was acknowledged in all; throws at the first loss.
 */
export async function killWriters(directory: string, kills: number, random: () => number): Promise<number> {
  const acknowledged: string[][] = [];
  for (let round = 0; round < kills; round++) {
    const ids = await runAndKill(directory, round, random() * 60);
    acknowledged.push(ids);
    const store = DiskStore.open(directory, { mode: 'write' });
    const names = new Map(store.names.entries());
    for (const [of, all] of acknowledged.entries())
      for (const [n, id] of all.entries())
        if (names.get(`round ${of}/${n}`) !== id)
          throw new Error(`after kill ${round}: name ${n} of round ${of} is lost`);
    for (const [n, id] of ids.entries())
      if (Buffer.compare(bytesOf(store, id) ?? Buffer.of(0), contentOf(round, n)) !== 0)
        throw new Error(`after kill ${round}: content ${n} is lost`);
    const { problems } = await verifyStore(store);
    store.close();
    if (problems.length > 0) throw new Error(`after kill ${round}: ${JSON.stringify(problems[0])}`);
  }
  return acknowledged.flat().length;
}
