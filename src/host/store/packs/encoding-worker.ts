/** A thread that encodes: it answers each content with what it is encoded as, in the order in which they come. */
import { parentPort } from 'node:worker_threads';
import { encode } from './compression.js';

parentPort!.on('message', (content: Uint8Array) => {
  const { encoding, payload } = encode(content);
  parentPort!.postMessage({ encoding, payload }, payload.buffer instanceof ArrayBuffer ? [payload.buffer] : []);
});
