/** The tables of programs. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { appletCases, commandCases, scriptCases, type ProgramCase } from './program-case.js';

const directory = fileURLToPath(new URL('../../../../test/linux/programs/', import.meta.url));

function table(name: string): string {
  return readFileSync(directory + name, 'utf8');
}

/** All of them. */
export const tables: Readonly<Record<'applets' | 'scripts' | 'programs', readonly ProgramCase[]>> = {
  /** Of busybox: those that need no network, no device, and nothing of the host's own. */
  applets: appletCases(table('applets.txt')),
  scripts: [
    ...['dash', 'bash', 'zsh'].flatMap((shell) => scriptCases(shell, table('portable.txt'))),
    ...scriptCases('bash', table('bash.txt')),
    ...scriptCases('zsh', table('zsh.txt')),
  ],
  programs: [
    ...commandCases(table('commands.txt')),
    ...scriptCases('perl', table('perl.txt'), '-e'),
    ...scriptCases('python3', table('python.txt')),
  ],
};
