import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isSystemError } from '../../host/failure.js';
import { Failure } from '../failure.js';
import { projectFiles } from './project-files.js';

/** Names that make, shells, JSON and BD0 all take as they are. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/;

/** `bd0 new NAME`: makes a directory with a program, and returns a line that says what to do next. Throws Failure. */
export function newProject(words: readonly string[]): string {
  const [directory, ...others] = words;
  if (directory === undefined) throw new Failure('bd0 new needs a NAME for the project');
  if (others.length > 0) throw new Failure(`bd0 new takes only one NAME: remove '${others[0]!}'`);
  const name = basename(directory);
  if (!NAME.test(name) || /^\.*$/.test(name))
    throw new Failure(
      `'${name}' cannot be the name of a project: use 1 to 63 letters, digits, '_', '-' and '.', not first '-' or '.'`,
    );
  makeDirectory(directory);
  for (const [path, text] of projectFiles(name)) {
    const file = join(directory, path);
    mkdirSync(dirname(file), { recursive: true });
    // The directory is new, but somebody else may put files into it.
    writeFileSync(file, text, { flag: 'wx' });
  }
  return `made ${directory}: cd ${directory} && make run`;
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    if (isSystemError(error) && error.code === 'EEXIST')
      throw new Failure(`'${path}' exists already: nothing was changed`);
    throw error;
  }
}
