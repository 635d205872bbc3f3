import { dispatch, reportFailure } from './dispatch.js';

/** The entry point of the command line. */
const words = process.argv.slice(2);

function fail(error: unknown): never {
  process.exit(reportFailure(error, words));
}

process.on('uncaughtException', fail);
dispatch(words).then((exitCode) => process.exit(exitCode), fail);
