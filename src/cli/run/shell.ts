/** `bd0 shell`, and `bd0 run` without IMAGE: the terminal, a guest program. */

import { join } from 'node:path';
import { Failure } from '../failure.js';
import { columnsOfTerminal } from '../../host/console/columns.js';
import type { HostInput } from '../../host/console/host-input.js';
import { findImage, packagedImages } from '../../host/toolchain/image-file.js';
import { readRunRequest, type RunRequest } from './run-options.js';
import type { ImageSource } from './stored-image.js';

const TERMINAL = 'terminal';
/** The width that the terminal assumes. */
const USUAL_COLUMNS = 80;

/** Reads the words after `bd0 shell`: options of `bd0 run`. Throws Failure. */
export function readShellRequest(words: readonly string[]): RunRequest {
  const request = readRunRequest(words, 'bd0 shell');
  if (request.image !== undefined && request.shown === undefined)
    throw new Failure(`bd0 shell takes no arguments: to run '${request.image}', write bd0 run ${request.image}`);
  return request;
}

/** The terminal that comes with bd0, whatever names guests see. Throws Failure where the guests are not compiled. */
export function terminalSource(): ImageSource {
  return { path: findImage(join(packagedImages, TERMINAL), undefined), id: undefined };
}

/** With -i it prompts, and offers line editing, for a screen of as many columns as follow; 80 by default. */
export function terminalArguments({ isInteractive }: HostInput): string[] {
  if (!isInteractive) return [TERMINAL];
  const columns = columnsOfTerminal();
  return columns === undefined || columns === USUAL_COLUMNS ? [TERMINAL, '-i'] : [TERMINAL, '-i', String(columns)];
}
