/** Debian's cloud kernel and its busybox, from the packages that apt-get has. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export interface DebianKernel {
  /** Where vmlinuz is. */
  readonly path: string;
  readonly kernel: Uint8Array;
  readonly busybox: Uint8Array;
  /** A module of the kernel, by its path below `kernel/`. */
  module(path: string): Uint8Array;
}

/** Downloads and unpacks packages into a directory; undefined where apt-get does not offer them. */
export function debianKernel(directory: string): DebianKernel | undefined {
  const depends = spawnSync('apt-cache', ['depends', 'linux-image-cloud-amd64'], { encoding: 'utf8' }).stdout ?? '';
  const image = /Depends: (linux-image-[\w.+-]+)/.exec(depends)?.[1];
  if (image === undefined) return undefined;
  if (spawnSync('apt-get', ['download', image, 'busybox-static'], { cwd: directory }).status !== 0) return undefined;
  for (const name of readdirSync(directory)) execFileSync('dpkg', ['-x', name, 'root'], { cwd: directory });
  const vmlinuz = readdirSync(join(directory, 'root/boot')).find((name) => name.startsWith('vmlinuz'))!;
  const read = (path: string): Uint8Array => new Uint8Array(readFileSync(join(directory, 'root', path)));
  const [path, version] = [join(directory, 'root/boot', vmlinuz), vmlinuz.slice('vmlinuz-'.length)];
  const module = (path: string): Uint8Array => read(`lib/modules/${version}/kernel/${path}`);
  return { path, kernel: read(`boot/${vmlinuz}`), busybox: read('bin/busybox'), module };
}
