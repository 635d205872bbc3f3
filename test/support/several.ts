/** Runs test files one after another in this process: `node several.js FILE ...`. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

// The names of temporary directories are made of the arguments, which may be too many for that.
for (const file of process.argv.splice(2)) await import(pathToFileURL(resolve(file)).href);
