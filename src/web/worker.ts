/**
 * The module worker that runs a machine. It has to be a worker: browsers refuse to compile large WebAssembly modules at once on
 * the main thread, and a guest must not stall the page.
 */
import { WebMachine } from './machine/web-machine.js';
import type { WebBoard } from './board/web-board.js';
import type { Report, Request, StartOptions } from './protocol.js';

/** What a worker has as its global object. */
interface WorkerScope {
  onmessage: ((event: { readonly data: Request }) => void) | null;
  postMessage(report: Report, transfer?: readonly ArrayBuffer[]): void;
}

const scope = globalThis as unknown as WorkerScope;
let machine: Promise<WebMachine | WebBoard> | undefined;

scope.onmessage = ({ data }) => {
  if (data.kind !== 'start') return void machine?.then((started) => started.receive(data)).catch(() => {});
  machine = start(data.options);
  machine.then((started) => started.run()).catch(fail);
};

/** Makes a machine. Bare ones are loaded on demand: most pages have none. */
async function start(options: StartOptions): Promise<WebMachine | WebBoard> {
  if (!options.boot) return new WebMachine(options, download, send);
  const { WebBoard } = await import('./board/web-board.js');
  return new WebBoard(options, download, send);
}

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
