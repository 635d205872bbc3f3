import { Failure } from '../failure.js';
import { readOptions, type OptionTable, type Shown } from '../options.js';

const PORT_MAX = 65535;
/** x86-64 in four digits. */
const DEFAULT_PORT = 8664;

/** The options of `bd0 web`. */
export const WEB_OPTIONS = {
  port: {
    alias: 'p',
    requiresArg: true,
    describe: 'PORT on the loopback interface; 0: any that is free',
    defaultDescription: String(DEFAULT_PORT),
    coerce: parsePort,
  },
} as const satisfies OptionTable;

/** Reads the words after `bd0 web`. Throws Failure. */
export function readWebRequest(given: readonly string[]): { readonly port: number; readonly shown: Shown | undefined } {
  const { options, words, shown } = readOptions(given, { command: 'bd0 web', options: WEB_OPTIONS });
  if (shown === undefined && words.length > 0)
    throw new Failure(`bd0 web takes no arguments, and '${words[0]}' is one: bd0 web --help shows how`);
  return { port: (options['port'] as number | undefined) ?? DEFAULT_PORT, shown };
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Infinity;
  if (port > PORT_MAX) throw new Failure(`--port: '${text}' is not a port, which is a number from 0 to ${PORT_MAX}`);
  return port;
}
