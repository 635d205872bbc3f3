import { describeError } from './failure.js';
import { writeToStderr } from '../host/console/host-output.js';
import { readRunRequest } from './run/run-options.js';
import { readShellRequest } from './run/shell.js';

/**
 * The command line of bd0: design/cli.md. What a command needs is loaded when it is known which one it is, since loading
 * is most of what a short run takes; `bd0 run` does not load yargs, which takes 65 ms.
 */
async function main([command, ...words]: readonly string[]): Promise<number> {
  if (command === 'run' || command === 'shell') {
    const request = command === 'run' ? readRunRequest(words) : readShellRequest(words);
    if (!request.help) return (await import('./run/run.js')).run(request);
  }
  if (command === 'cc' && !['--help', '-h'].includes(words[0] ?? '')) return (await import('./cc.js')).cc(words);
  return (await import('./commands.js')).performCommand(command === undefined ? [] : [command, ...words]);
}

function fail(error: unknown): never {
  const { line, exitCode } = describeError(error);
  writeToStderr(line);
  process.exit(exitCode);
}

process.on('uncaughtException', fail);
main(process.argv.slice(2)).then((exitCode) => process.exit(exitCode), fail);
