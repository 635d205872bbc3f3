/** Which paths of a tree that is read are one file. */

import { joined, type ByteText } from '../../byte-text.js';
import type { HostStatus } from './host-tree.js';
import type { TreeEntry } from './tree-entry.js';

/** A file with several names, and the entry that it became when it was met first. */
interface LinkedFile {
  readonly entry: TreeEntry;
  readonly links: number;
}

/** A file below a directory. */
interface OpenLink {
  /** The first of its paths. */
  readonly path: ByteText;
  /** How many of its names lie below. */
  readonly names: number;
}

/** The files below a directory that have a name elsewhere, too, by their identities on the host. */
export type OpenLinks = ReadonlyMap<string, OpenLink>;

/** What a file with several names has open where it is met; for one with a single name, nothing. */
export function openLinks({ identity, links }: HostStatus): OpenLinks {
  return new Map(links > 1 ? [[identity, { path: '' as ByteText, names: 1 }]] : []);
}

export class HardLinkFinder {
  private readonly files = new Map<string, LinkedFile>();

  /** The entry of a file that was met before under another name. */
  met({ identity }: HostStatus, name: ByteText): TreeEntry | undefined {
    const file = this.files.get(identity);
    return file && { ...file.entry, name };
  }

  /** Called for a file that is met first. */
  add({ identity, links }: HostStatus, entry: TreeEntry): void {
    if (links > 1) this.files.set(identity, { entry, links });
  }

  /**
   * Puts together what the entries of a directory have open, which come in their order. `groups` gets the paths that are one
   * file; the result is what is still open above the directory.
   */
  join(below: readonly { readonly name: ByteText; readonly open: OpenLinks }[], groups: ByteText[][]): OpenLinks {
    const found = new Map<string, { paths: ByteText[]; names: number }>();
    for (const { name, open } of below) {
      for (const [identity, { path, names }] of open) {
        const whole = path === '' ? name : joined(name, path);
        const before = found.get(identity);
        if (before) before.paths.push(whole);
        else found.set(identity, { paths: [whole], names: 0 });
        found.get(identity)!.names += names;
      }
    }
    const above = new Map<string, OpenLink>();
    for (const [identity, { paths, names }] of found) {
      if (paths.length > 1) groups.push(paths);
      if (names < this.files.get(identity)!.links) above.set(identity, { path: paths[0]!, names });
    }
    return above;
  }
}
