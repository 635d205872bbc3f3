import { readFile, realpath } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { extname, join, sep } from 'node:path';
import { SERVED_POLICY } from '../../host/content-security-policy.js';

/** Content types by extension. Guest images have no extension. */
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.c': 'text/plain; charset=utf-8',
  '.h': 'text/plain; charset=utf-8',
  '.S': 'text/plain; charset=utf-8',
};

/** Names that are served: no hidden ones, and none that leads out of the directory. */
const PATH = /^(\/[\w-][\w.-]*)+$/;

const HEADERS = {
  'Content-Security-Policy': SERVED_POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-cache',
};

/** Serves the files of a directory on the loopback interface. Resolves when it listens; throws what `listen` fails with. */
export function serveSite(directory: string, port: number): Promise<Server> {
  const server = createServer((request, response) => {
    void answer(directory, request, response);
  });
  return new Promise((done, failed) => {
    server.once('error', failed);
    server.listen(port, '127.0.0.1', () => done(server));
  });
}

async function answer(directory: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url = '/' } = request;
  const send = (status: number, type: string, body: string | Buffer): void => {
    const length = Buffer.byteLength(body);
    response.writeHead(status, { ...HEADERS, 'Content-Type': type, 'Content-Length': length });
    response.end(method === 'HEAD' ? undefined : body);
  };
  if (method !== 'GET' && method !== 'HEAD') return send(405, 'text/plain', 'only GET and HEAD\n');
  const path = url.replace(/[?#].*$/s, '').replace(/^\/$/, '/index.html');
  const content = PATH.test(path) ? await readWithin(directory, path) : undefined;
  if (content === undefined) return send(404, 'text/plain', 'not found\n');
  return send(200, TYPES[extname(path)] ?? 'application/octet-stream', content);
}

/** The content of a file; undefined if there is none, or if a link leads out of the directory. */
async function readWithin(directory: string, path: string): Promise<Buffer | undefined> {
  try {
    const [root, file] = await Promise.all([realpath(directory), realpath(join(directory, path))]);
    return file.startsWith(root + sep) ? await readFile(file) : undefined;
  } catch {
    return undefined;
  }
}
