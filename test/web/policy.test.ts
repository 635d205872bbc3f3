/** The policy of the page, in Chromium: it holds in the page and in its workers, whatever server they come from. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { Chromium, findChromium } from '../support/chromium.js';
import { shows } from '../support/web-page.js';

const site = fileURLToPath(new URL('../../../dist/web', import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

t.setTimeout(0);

async function listen(t: Test, listener: RequestListener): Promise<Server & { readonly origin: string }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return Object.assign(server, { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

/** A server of files, as they come: it sends the type of a file and no other header. */
const serveFile: RequestListener = ({ url = '/' }, response) => {
  const { pathname } = new URL(url, 'http://localhost');
  const path = pathname === '/' ? '/index.html' : pathname;
  try {
    const bytes = readFileSync(join(site, path));
    response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' }).end(bytes);
  } catch {
    response.writeHead(404).end();
  }
};

t.test('the policy of the page reaches its workers, whatever server they come from', async (t) => {
  const path = findChromium();
  if (path === undefined) return t.comment('Chromium is not installed (Debian package: chromium)');
  const asked: string[] = [];
  const elsewhere = await listen(t, ({ url }, response) => {
    asked.push(url!);
    response.writeHead(200, { 'access-control-allow-origin': '*' }).end();
  });
  const load = (name: string): string => `fetch('${elsewhere.origin}/${name}').then(() => 'loaded', () => 'refused')`;
  const { origin } = await listen(t, serveFile);
  const browser = new Chromium(path);
  t.teardown(() => browser.close());

  const free = await browser.open(`${elsewhere.origin}/own`, 800, 600);
  await free.until(`location.href.startsWith('${elsewhere.origin}')`);
  t.equal(await free.evaluate(load('free')), 'loaded', 'without a policy the request would be made');

  const page = await browser.open(origin, 800, 600);
  await page.until(shows('\n>'));
  t.equal(await page.evaluate(load('page')), 'refused');
  const workers = await browser.workersOf(page);
  t.equal(workers.length, 1, 'the worker of the machine');
  t.equal(await workers[0]!.evaluate(load('worker')), 'refused');
  const named = asked.filter((url) => url !== '/favicon.ico');
  t.strictSame(named, ['/own', '/free'], 'the other server was asked without the policy alone');
});
