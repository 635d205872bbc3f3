/**
 * The module worker that runs the machine. The page sends Requests and receives Reports. A worker runs one guest: for the next
 * one, the page starts a new worker, and all memory of the old one is free.
 *
 * It has to be a worker, since browsers refuse to compile large WebAssembly modules at once on the main thread of a page.
 */
import { Machine } from './machine.mjs';

/**
 * @typedef {(
 *   | { kind: 'start', name: string, argv: string[], image: string, files: { name: string, url: string }[] }
 *   | { kind: 'input', text: string }
 *   | { kind: 'shown', bytes: number }
 *   | { kind: 'stop' }
 * )} Request `image` and `url` are absolute
 *
 * @typedef {import('./machine.mjs').Report | { kind: 'failed', message: string }} Report
 */

/** @type {Machine | undefined} */
let machine;
/** What arrives while the image is loading. @type {Request[]} */
const early = [];

self.onmessage = ({ data }) => receive(data);

/** @param {Request} request */
function receive(request) {
  if (request.kind === 'start') start(request).catch((error) => send({ kind: 'failed', message: error.message }));
  else if (!machine) early.push(request);
  else if (request.kind === 'input') machine.type(new TextEncoder().encode(request.text));
  else if (request.kind === 'shown') machine.shown(request.bytes);
  else machine.stop();
}

/** @param {Extract<Request, { kind: 'start' }>} request */
async function start({ name, argv, image, files }) {
  const [bytes, named] = await Promise.all([
    download(image),
    Promise.all(files.map(async (file) => /** @type {const} */ ([file.name, await download(file.url)]))),
  ]);
  machine = new Machine(bytes, { name, argv, files: new Map(named) }, send);
  early.forEach(receive);
  await machine.run();
}

/** @param {string} url */
async function download(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`cannot load ${url}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** @param {Report} report */
function send(report) {
  self.postMessage(report, { transfer: report.kind === 'output' ? [report.bytes.buffer] : [] });
}
