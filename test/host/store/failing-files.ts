/** Files of which one use, or each from one on, is refused for want of room. */
import type { OpenMode } from '../../../src/host/store/file-layer.js';
import { MemoryFiles } from './memory-files.js';

/** What may take room on a disk, or show only later that there was none. */
const REFUSABLE = ['open', 'write', 'sync', 'close', 'makeDirectory', 'rename', 'remove', 'syncDirectory'];

export interface FailingFiles {
  readonly files: MemoryFiles;
  /** Uses so far that could have been refused. */
  readonly uses: () => number;
}

/** The `n`-th use is refused, and with `isLasting` all after it, but for deletions. A write takes half of its bytes before. */
export function failingFiles(files: MemoryFiles, n: number, isLasting: boolean): FailingFiles {
  let uses = 0;
  const paths = new Map<number, string>();
  const toRead = new Set<number>();
  const isRefused = (name: string): boolean => {
    uses++;
    return uses === n || (isLasting && uses > n && name !== 'remove' && name !== 'close');
  };
  const failing = new Proxy(files, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown;
      if (typeof value !== 'function' || typeof name !== 'string') return value;
      const perform = (args: unknown[]): unknown => (value as (...args: unknown[]) => unknown).apply(target, args);
      return (...args: unknown[]) => {
        const path = typeof args[0] === 'string' ? args[0] : paths.get(args[0] as number);
        const isToRead = name === 'open' && (args[1] as OpenMode) === 'read';
        const takesNone = isToRead || (name === 'close' && toRead.has(args[0] as number));
        if (REFUSABLE.includes(name) && !takesNone && isRefused(name)) {
          if (name === 'write') perform([args[0], (args[1] as Uint8Array).subarray(0, (args[1] as Uint8Array).length >> 1)]); // prettier-ignore
          if (name === 'close') perform(args);
          throw Object.assign(new Error(`ENOSPC: ${name}`), { code: 'ENOSPC', errno: -28, syscall: name, path });
        }
        const result = perform(args);
        if (name === 'open') paths.set(result as number, path!);
        if (isToRead) toRead.add(result as number);
        return result;
      };
    },
  });
  return { files: failing, uses: () => uses };
}
