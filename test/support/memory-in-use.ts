/** What a process takes of its host's memory. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
export const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes that living JavaScript objects take, and all that the process has, garbage collected as far as it can be. */
export function memoryInUse(): { heap: number; resident: number } {
  // What the first finds dead, such as the memory behind an ArrayBuffer, the second gives back.
  collectGarbage();
  collectGarbage();
  const { heapUsed, rss } = process.memoryUsage();
  return { heap: heapUsed, resident: rss };
}
