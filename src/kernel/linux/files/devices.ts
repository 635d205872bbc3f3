import { S_IFCHR, S_ISVTX } from './constants.js';
import type { FileSystem, NewFile } from './file-system.js';
import { DEVICE } from './open/device.js';
import { SysDirectory } from './sys/nodes.js';
import { TreeDirectory } from './tree/directory.js';
import { FILE_SYSTEM, directoryMode } from './tree/inode.js';

const OWNER = { owner: 0, group: 0 };

/** The names of /dev that lead to a place in /proc. */
const LINKS: Readonly<Record<string, string>> = {
  fd: '/proc/self/fd',
  stderr: '/proc/self/fd/2',
  stdin: '/proc/self/fd/0',
  stdout: '/proc/self/fd/1',
};

/** Makes /dev and /sys. Returns the directory /dev/pts, which stays whatever programs do. */
export function mountDevices(files: FileSystem): TreeDirectory {
  const id = files.takeId();
  const time = files.now;
  const attributes = { mode: directoryMode(0o755), ...OWNER, links: 2, time };
  const place = { parentId: files.root.id, name: 'dev' };
  const directory = new TreeDirectory({ id, number: id, fileSystem: FILE_SYSTEM.dev }, attributes, place, undefined);
  files.mount('dev', directory);
  const device: NewFile = { mode: S_IFCHR | 0o666, ...OWNER };
  for (const [name, number] of Object.entries(DEVICE)) files.makeSpecial(directory, name, device, number);
  for (const [name, target] of Object.entries(LINKS)) files.makeLink(directory, name, target, OWNER);
  files.makeDirectory(directory, 'shm', { mode: directoryMode(S_ISVTX | 0o777), ...OWNER });
  const slaves = files.makeDirectory(directory, 'pts', { mode: directoryMode(0o755), ...OWNER });
  files.hold(slaves);
  files.mount('sys', new SysDirectory('', files.takeId()));
  return slaves;
}
