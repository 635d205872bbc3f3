import type { GdbAddress } from '../../host/gdb-server.js';
import { Failure } from '../failure.js';

const LOOPBACK = '127.0.0.1';
const PORT_MAX = 65535;

/** `[HOST:]PORT`; an IPv6 address stands in brackets. Throws Failure. */
export function parseGdbAddress(text: string): GdbAddress {
  const parts = /^(?:(?:\[([^\]]+)\]|([^:[\]]*)):)?(\d+)$/.exec(text);
  const port = Number(parts?.[3]);
  if (!parts || port > PORT_MAX)
    throw new Failure(`--gdb cannot be '${text}': write PORT or HOST:PORT, PORT up to 65535`);
  return { host: parts[1] ?? (parts[2] || LOOPBACK), port };
}
