/** Stores and files for the tests of `bd0 vmo`. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Test } from 'tap';
import { ContentHasher } from '../../../src/vmo/content/content-hasher.js';
import { sha256 } from '../../../src/host/sha256.js';
import type { Ran, RunOptions } from '../bd0.js';
import { served } from '../served.js';

/** A directory of its own, which goes when the test ends, with a store in it. */
export class Workshop {
  readonly directory = mkdtempSync(join(tmpdir(), 'bd0-vmo-'));
  readonly store = this.path('store');

  constructor(t: Pick<Test, 'teardown'>) {
    t.teardown(() => rmSync(this.directory, { recursive: true, force: true }));
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Writes a file, and makes the directories above it. */
  file(name: string, content: string | Uint8Array = '', mode = 0o644): string {
    const path = this.path(name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content, { mode });
    return path;
  }

  link(name: string, target: string): string {
    const path = this.path(name);
    symlinkSync(target, path);
    return path;
  }

  /** Runs `bd0 vmo` with the store. */
  vmo(words: readonly string[], options: RunOptions = {}): Promise<Ran> {
    return served(['vmo', ...words], { ...options, env: { ...options.env, BD0_STORE: this.store } });
  }

  /** What `bd0 vmo` writes, which ends well and says nothing on stderr. */
  async out(words: readonly string[], options: RunOptions = {}): Promise<string> {
    const { code, stderr, stdout } = await this.vmo(words, options);
    if (code !== 0 || stderr !== '') throw new Error(`bd0 vmo ${words.join(' ')}: ${code}: ${stderr}`);
    return stdout;
  }

  /** The objects that `bd0 vmo` tells with --json. */
  async json(words: readonly string[], options: RunOptions = {}): Promise<Record<string, unknown>[]> {
    return linesOf(await this.out([...words, '--json'], options));
  }

  /** The packs of the store, whole paths. */
  packs(): string[] {
    const directory = join(this.store, 'packs');
    return readdirSync(directory).filter((name) => name.endsWith('.pack')).map((name) => join(directory, name)); // prettier-ignore
  }
}

/** JSON, a line each. */
export function linesOf(text: string): Record<string, unknown>[] {
  return text.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>); // prettier-ignore
}

/** The identity of bytes. */
export function idOf(content: string | Uint8Array): string {
  return new ContentHasher(sha256).append(Buffer.from(content)).finish();
}

/** Pseudo-random bytes, the same each time; only the bits of the mask are set. */
export function noise(length: number, seed = 1, mask = 255): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0, state = seed; at < length; at++)
    bytes[at] = ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24) & mask;
  return bytes;
}
