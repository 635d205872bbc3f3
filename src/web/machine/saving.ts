import { exportVmo } from '../../vmo/records/canonical-stream.js';
import { VmoStore } from '../../vmo/store.js';
import type { MethodContext } from './methods.js';

/** The machine as it is now, as the canonical stream of a saved snapshot: `isSnapshot` of StartOptions starts it again. */
export function savedMachine({ computer }: MethodContext): Uint8Array {
  const saved = computer.saveSnapshot(computer.snapshot(), new VmoStore());
  const parts = [...exportVmo(saved)];
  saved.close();
  const stream = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    stream.set(part, at);
    at += part.length;
  }
  return stream;
}
