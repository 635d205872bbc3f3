import { workloads } from './guests/workloads.js';

export interface Options {
  readonly rounds: number;
  /** Factor on the size of every workload. */
  readonly scale: number;
  /** Names of the workloads to run; all if empty. */
  readonly only: readonly string[];
  readonly evaluator: boolean;
}

const USAGE = `usage: npm run bench -- [--rounds N] [--scale FACTOR] [--no-evaluator] [WORKLOAD ...]
workloads: ${workloads.map(({ name }) => name).join(' ')}
example: npm run bench -- --rounds 5 fib sieve`;

/** Reads the command line; exits with the usage where it is not understood. */
export function readArguments(argv: readonly string[]): Options {
  let [rounds, scale, evaluator] = [3, 1, true];
  const only: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i]!;
    if (argument === '--rounds') rounds = positive(argument, argv[++i]);
    else if (argument === '--scale') scale = positive(argument, argv[++i]);
    else if (argument === '--no-evaluator') evaluator = false;
    else if (workloads.some(({ name }) => name === argument)) only.push(argument);
    else usage(argument === '--help' ? undefined : `'${argument}' is no option and no workload`);
  }
  return { rounds, scale, only, evaluator };
}

function positive(name: string, text: string | undefined): number {
  const value = Number(text);
  if (!(value > 0)) usage(`${name} needs a positive number, not '${text ?? ''}'`);
  return value;
}

function usage(error: string | undefined): never {
  console.error(error ? `bench: ${error}\n${USAGE}` : USAGE);
  process.exit(error ? 1 : 0);
}
