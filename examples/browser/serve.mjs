/**
 * Serves the page to browsers on this machine. Ctrl-C ends it.
 *
 *     node examples/browser/serve.mjs [PORT] [DIRECTORY]
 *
 * PORT is 8080 by default, and 0 means any that is free; DIRECTORY is dist/examples/browser.
 */
import { existsSync, realpathSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

export const DEFAULT_DIRECTORY = fileURLToPath(new URL('../../dist/examples/browser/', import.meta.url));
const DEFAULT_PORT = 8080;

/** Content types by extension; guest images have none. */
const TYPES = /** @type {Record<string, string>} */ ({
  ...{ '.html': 'text/html; charset=utf-8', '.css': 'text/css; charset=utf-8' },
  ...{ '.js': 'text/javascript; charset=utf-8', '.json': 'application/json' },
});

/** Names of files and directories that are served: no hidden ones, and none that leads out of the directory. */
const PATH = /^(\/[\w-][\w.-]*)+$/;

/**
 * Serves a directory on 127.0.0.1. Resolves with the server once it listens.
 * @param {string} directory
 * @param {number} port
 * @returns {Promise<import('node:http').Server>}
 */
export function serve(directory, port) {
  const server = createServer(async ({ method, url = '/' }, response) => {
    const answer = (/** @type {number} */ status, /** @type {string} */ type, /** @type {string | Buffer} */ body) =>
      response
        .writeHead(status, {
          'Content-Type': type,
          'Content-Length': Buffer.byteLength(body),
          'Cache-Control': 'no-cache',
          'X-Content-Type-Options': 'nosniff',
        })
        .end(method === 'HEAD' ? undefined : body);
    if (method !== 'GET' && method !== 'HEAD') return answer(405, 'text/plain', 'only GET and HEAD\n');
    const path = url.replace(/[?#].*$/s, '').replace(/^\/$/, '/index.html');
    const content = PATH.test(path) ? await readFile(join(directory, path)).catch(() => undefined) : undefined;
    if (content === undefined) return answer(404, 'text/plain', 'not found\n');
    return answer(200, TYPES[extname(path)] ?? 'application/octet-stream', content);
  });
  return new Promise((done, failed) => {
    server.once('error', failed);
    server.listen(port, '127.0.0.1', () => done(server));
  });
}

/**
 * Whether a module is the program, and not imported by another.
 * @param {string} url
 */
export function isMain(url) {
  const [, program] = process.argv;
  return program !== undefined && existsSync(program) && fileURLToPath(url) === realpathSync(program);
}

async function main() {
  const [portText = String(DEFAULT_PORT), directory = DEFAULT_DIRECTORY] = process.argv.slice(2);
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : Infinity;
  if (port > 65535) throw new Error(`'${portText}' is not a port: 0 to 65535`);
  await readFile(join(directory, 'index.html')).catch(() => {
    throw new Error(`${directory} has no index.html; node examples/browser/build.mjs makes it`);
  });
  const address = (await serve(directory, port)).address();
  console.log(`http://127.0.0.1:${typeof address === 'object' ? address?.port : port}/`);
}

if (isMain(import.meta.url))
  await main().catch((error) => {
    const isUsed = error.code === 'EADDRINUSE';
    console.error(isUsed ? `${error.message}; another port can be given: serve.mjs PORT` : error.message);
    process.exitCode = 1;
  });
