/** Processes that share a store (soaker.ts), some of them killed: what they say of their names is held against the store. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { collectGarbage } from '../../../src/host/store/collect.js';
import { DiskStore } from '../../../src/host/store/disk-store.js';
import { verifyStore } from '../../../src/host/store/verify.js';
import { idOf } from '../../cli/vmo/store.js';
import type { Random } from '../../support/random.js';
import { NONE, OWNERS } from './soaker.js';
import { AT_ONCE, bytesOf } from './support.js';

const soaker = fileURLToPath(new URL('soaker.js', import.meta.url));

/** What was done, for the report. */
export interface Soaked {
  acts: number;
  kills: number;
}

/** A store that processes share. */
class Soak {
  readonly done: Soaked = { acts: 0, kills: 0 };
  /** What each name may stand for: one identity, or two while a change was begun and not acknowledged. */
  private readonly allowed = new Map<string, ReadonlySet<string>>();

  constructor(
    private readonly directory: string,
    private readonly random: Random,
  ) {}

  /** Runs one owner's process, again after each kill, until it has done so many acts. */
  async own(owner: number, acts: number, kills: number): Promise<void> {
    let left = acts;
    for (let kill = 0; left > 0; kill++) {
      const killAfter = kill < kills ? 1 + this.random.below(Math.ceil((2 * acts) / (kills + 1))) : Infinity;
      left -= await this.runOnce(owner, left, killAfter);
    }
  }

  /** Runs a process and kills it some moment after `killAfter` acts. Returns how many it has done. */
  private async runOnce(owner: number, acts: number, killAfter: number): Promise<number> {
    const seed = this.random.next();
    const words = [soaker, this.directory, String(owner), String(seed), String(acts)];
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] });
    let done = 0;
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line !== 'act') this.said(line);
      else if (++done === killAfter) setTimeout(() => child.kill('SIGKILL'), this.random.below(40));
    });
    const { signal, code, errors } = await ended(child);
    if (signal === 'SIGKILL') this.done.kills++;
    else if (code !== 0) throw new Error(`process ${owner} with seed ${seed}: ${errors}`);
    this.done.acts += done;
    return done;
  }

  /** Checks or learns what a line of a process says about a name. */
  private said(line: string): void {
    const [what, name, id] = line.split(' ') as [string, string, string];
    const before = this.allowed.get(name) ?? new Set([NONE]);
    if (what === 'was' && !before.has(id))
      throw new Error(`${name} stands for ${id}, not for ${[...before].join(' or ')}`);
    if (what === 'was' || what === 'done') this.allowed.set(name, new Set([id]));
    else this.allowed.set(name, new Set([...before, id]));
  }

  /** Throws unless the store is whole, all names stand for what they may, and nothing else is left after a collection. */
  async check(): Promise<void> {
    const store = DiskStore.open(this.directory, { mode: 'collect' });
    try {
      for (const round of ['before', 'after']) {
        const { problems } = await verifyStore(store);
        if (problems.length > 0) throw new Error(`${round} the last gc: ${JSON.stringify(problems[0])}`);
        for (const [name, ids] of this.allowed) {
          const id = store.names.get(name);
          if (!ids.has(id ?? NONE)) throw new Error(`${name} stands for ${id}, not for ${[...ids].join(' or ')}`);
          const bytes = id === undefined ? undefined : bytesOf(store, id);
          if (id !== undefined && (!bytes || idOf(bytes) !== id)) throw new Error(`the content of ${name} is lost`);
        }
        await collectGarbage(store, AT_ONCE);
      }
    } finally {
      store.close();
    }
  }
}

async function ended(child: ChildProcess): Promise<{ code: number | null; signal: string | null; errors: string }> {
  let errors = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { code, signal, errors };
}

/**
 * Lets processes share a store, each of which does `acts` things to it and is killed `kills` times meanwhile. Throws at the
 * first loss.
 */
export async function soak(directory: string, acts: number, kills: number, random: Random): Promise<Soaked> {
  const shared = new Soak(directory, random);
  const owners = Array.from({ length: OWNERS }, (_, owner) => shared.own(owner, acts, kills));
  await Promise.all(owners);
  await shared.check();
  return shared.done;
}
