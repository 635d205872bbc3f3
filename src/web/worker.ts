/**
 * The module worker that runs a machine. It has to be a worker: browsers refuse to compile large WebAssembly modules at once on
 * the main thread, and a guest must not stall the page.
 */
import { WebMachine } from './machine/web-machine.js';
import type { Report, Request } from './protocol.js';

/** What a worker has as its global object. */
interface WorkerScope {
  onmessage: ((event: { readonly data: Request }) => void) | null;
  postMessage(report: Report, transfer?: readonly ArrayBuffer[]): void;
}

const scope = globalThis as unknown as WorkerScope;
let machine: WebMachine | undefined;

scope.onmessage = ({ data }) => {
  if (data.kind !== 'start') return machine?.receive(data);
  try {
    machine = new WebMachine(data.options, download, send);
    machine.run().catch(fail);
  } catch (error) {
    fail(error);
  }
};

function send(report: Report): void {
  scope.postMessage(report);
}

function fail(error: unknown): void {
  send({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
}

/** Content is needed at once: in a worker, a request may wait for its answer. */
function download(url: string): Uint8Array {
  const request = new XMLHttpRequest();
  request.open('GET', url, false);
  request.responseType = 'arraybuffer';
  request.send();
  if (request.status !== 200) throw new Error(`cannot load ${url}: ${request.status} ${request.statusText}`);
  return new Uint8Array(request.response as ArrayBuffer);
}

send({ kind: 'ready' });
