/** What a run has changed of the files that its programs found: as lines for people, and as two trees of a store. */

import type { ChangedFile, FileAspect, FileVersion } from '../../index.js';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../kernel/linux/files/constants.js';
import { numberOfPath } from '../../kernel/linux/files/tree/path-number.js';
import { shown, type ByteText } from '../byte-text.js';
import { HostError } from '../failure.js';
import type { RunStore } from '../names/durable-names.js';
import { importPath, type Imported } from '../store/import.js';
import { VersionTree } from './version-tree.js';

/** A change at a path. */
export interface FileChange {
  readonly kind: 'added' | 'removed' | 'changed' | 'renamed';
  /** Absolute, a character for each byte. */
  readonly path: string;
  /** Of one that was renamed: where it was. */
  readonly from?: string;
  /** What has changed, in words: sizes, modes, owners; '' for nothing to say. */
  readonly what: string;
}

/**
 * The changes, by path. Of a directory that was renamed, what is below it counts only as far as it has changed, too; of
 * others that were added or removed, all of it does.
 */
export function listChanges(root: ChangedFile): FileChange[] {
  const places: Place[] = [];
  collect(root, '', places);
  const removed = new Map(places.flatMap(({ path, file }) => (file.after ? [] : [[numberOfPath(path), path]])));
  const from = new Map<string, string>();
  for (const { path, file } of places) {
    const origin = file.before || !file.after ? undefined : removed.get(file.after.number);
    if (origin !== undefined && !from.has(origin)) from.set(origin, path);
  }
  const origins = new Map([...from].map(([origin, path]) => [path, origin]));
  return places.flatMap(({ path, file }) => {
    const to = from.get(path);
    if (to !== undefined) return [];
    const origin = origins.get(path);
    if (origin === undefined) return [changeAt(path, file)];
    // What has moved with its directory is no news.
    if (origins.get(parentOf(path)) === parentOf(origin) && nameOf(path) === nameOf(origin)) return [];
    return [{ kind: 'renamed' as const, path, from: origin, what: '' }];
  });
}

interface Place {
  readonly path: string;
  readonly file: ChangedFile;
}

function collect(file: ChangedFile, path: string, places: Place[]): void {
  const isWay = file.before && file.after && file.differs.length === 0;
  if (!isWay) places.push({ path: path === '' ? '/' : path, file });
  for (const entry of file.entries) collect(entry, `${path}/${entry.name}`, places);
}

function changeAt(path: string, { before, after, differs }: ChangedFile): FileChange {
  if (!before) return { kind: 'added', path, what: after ? kindAndSize(after) : '' };
  if (!after) return { kind: 'removed', path, what: kindAndSize(before) };
  return { kind: 'changed', path, what: differs.map((aspect) => inWords(aspect, before, after)).join(', ') };
}

function kindAndSize(version: FileVersion): string {
  switch (version.mode & S_IFMT) {
    case S_IFREG:
      return `${version.size} bytes`;
    case S_IFDIR:
      return 'directory';
    case S_IFLNK:
      return `link to ${shown(version.target as ByteText)}`;
    default:
      return 'special file';
  }
}

function inWords(aspect: FileAspect, before: FileVersion, after: FileVersion): string {
  switch (aspect) {
    case 'kind':
      return `${kindAndSize(before)} before, ${kindAndSize(after)} now`;
    case 'content':
      return before.size === after.size
        ? `content, ${after.size} bytes`
        : `content, ${before.size} to ${after.size} bytes`;
    case 'target':
      return kindAndSize(after);
    case 'mode':
      return `mode ${octal(before)} to ${octal(after)}`;
    case 'owner':
      return `owner ${before.owner}:${before.group} to ${after.owner}:${after.group}`;
    case 'time':
      return 'time';
  }
}

function octal({ mode }: FileVersion): string {
  return (mode & ~S_IFMT).toString(8).padStart(4, '0');
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')));
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Most changes that are listed. */
const LISTED_MAX = 100;

/** The changes as lines, and where the rest is if there are many. */
export function describeChanges(changes: readonly FileChange[], more: string): string[] {
  const lines = changes.slice(0, LISTED_MAX).map(({ kind, path, from, what }) => {
    const name = shown(path as ByteText);
    const words = from === undefined ? name : `${shown(from as ByteText)} to ${name}`;
    return `  ${kind.padEnd(8)} ${words}${what && `: ${what}`}`;
  });
  const left = changes.length - LISTED_MAX;
  return left > 0 ? [...lines, `  and ${left} more${more}`] : lines;
}

/** The two trees of a run in a store. */
export interface PublishedChanges {
  readonly before: string;
  readonly after: string;
}

/**
 * Keeps the changed files of a run in a store, as trees that `bd0 vmo diff` compares: NAME/before and NAME/after. Returns their
 * names, and reports what could not be read. Throws HostError.
 */
export async function publishChanges(
  root: ChangedFile,
  name: string,
  store: RunStore,
  report: (line: string) => void,
): Promise<PublishedChanges> {
  const writer = store.waitForWriter();
  if (!writer) throw new HostError(`the store '${store.disk.directory}' is busy: the changes were not kept`, 'busy');
  const names = { before: `${name}/before`, after: `${name}/after` };
  for (const side of ['before', 'after'] as const) {
    const imported = await importPath(writer, '/', { host: new VersionTree(root, side), owners: true });
    for (const line of problemsOf(imported)) report(line);
    const reference = { id: imported.id, kind: imported.kind };
    while (!writer.names.compareAndSwap(names[side], writer.names.get(names[side]), reference));
  }
  return names;
}

function problemsOf({ problems }: Imported): string[] {
  return problems.map(({ path, reason }) => `'${shown(path)}' is not among the changes that are kept: ${reason}`);
}
