/**
 * Performs commands of bd0 that a test sends, one after another in this process, for served.ts. The
 * command line is whole but for its start: file descriptors 1 and 2 are files, as if they had been redirected.
 */
import { closeSync, openSync } from 'node:fs';
import { dispatch, reportFailure } from '../../src/cli/dispatch.js';
import type { Order } from './served.js';

/** Makes a file descriptor lead to a file: that of the lowest number is the one that was just closed. */
function redirect(descriptor: number, path: string): void {
  closeSync(descriptor);
  const opened = openSync(path, 'w');
  if (opened !== descriptor) throw new Error(`descriptor ${opened} instead of ${descriptor}`);
}

async function perform({ words, cwd, env, stdout, stderr }: Order): Promise<number> {
  // Commands listen until their process ends.
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM']) process.removeAllListeners(signal);
  redirect(1, stdout);
  redirect(2, stderr);
  process.chdir(cwd);
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
  Object.assign(process.env, env);
  try {
    return await dispatch(words);
  } catch (error) {
    return reportFailure(error, words);
  }
}

process.on('message', (order: Order) => {
  void perform(order).then((code) => process.send!(code));
});
