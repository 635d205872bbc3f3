import { existsSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { packageRoot } from '../../host/package-root.js';
import { writeToStdout } from '../../host/console/host-output.js';
import { Failure } from '../failure.js';
import { serveSite } from './site-server.js';

/** Signals that end the server, by their numbers. */
const SIGNALS = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;

/** `bd0 web`: serves the page until a signal ends it. Returns the exit code. Throws Failure. */
export async function web(port: number): Promise<number> {
  const directory = join(packageRoot, 'dist/web');
  if (!existsSync(join(directory, 'index.html'))) throw new Failure('the page is not built: npm run build makes it');
  const ended = untilSignal();
  const server = await serveSite(directory, port).catch((error: NodeJS.ErrnoException) => {
    throw new Failure(reasonOf(error, port));
  });
  writeToStdout(`http://127.0.0.1:${(server.address() as AddressInfo).port}/\nCtrl-C ends it.`);
  const signal = await ended;
  server.close();
  server.closeAllConnections();
  return 128 + signal;
}

function reasonOf({ code, message }: NodeJS.ErrnoException, port: number): string {
  if (code === 'EADDRINUSE') return `port ${port} is in use: --port N takes another one, and --port 0 any that is free`;
  if (code === 'EACCES') return `port ${port} needs more rights than you have: --port N takes another one`;
  return `cannot serve the page: ${message}`;
}

function untilSignal(): Promise<number> {
  return new Promise((done) => {
    for (const [name, number] of Object.entries(SIGNALS)) process.once(name, () => done(number));
  });
}
