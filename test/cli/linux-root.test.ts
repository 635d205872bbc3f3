/** `bd0 run` for programs of Linux: which file IMAGE is, and when the clock begins. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { bd0 } from './bd0.js';

const BUSYBOX = '/bin/busybox';

t.test('with --root, an absolute IMAGE is a path below it, and no link leads out', async (t) => {
  const place = fs.realpathSync(t.testdir({ root: { usr: { bin: {} } }, outside: {} }));
  const root = join(place, 'root');
  // A name that begins with busybox is that of no applet.
  fs.copyFileSync(BUSYBOX, join(root, 'usr/bin/busybox'));
  fs.copyFileSync(BUSYBOX, join(place, 'outside/secret'));
  const links = [['usr/bin', 'bin'], ['/bin/busybox', 'usr/bin/busybox-a'], ['../../../bin/busybox', 'usr/bin/busybox-up'], ['loop', 'usr/bin/loop'], [`${place}/outside/secret`, 'usr/bin/out'], ['../../../outside/secret', 'usr/bin/out2']] as const; // prettier-ignore
  for (const [target, name] of links) fs.symlinkSync(target, join(root, name));
  for (const image of [
    '/usr/bin/busybox',
    '/bin/busybox',
    '/bin/busybox-a',
    '/bin/busybox-up',
    '/../usr//bin/./busybox',
  ]) {
    const { stdout } = await bd0(['run', '--root', root, image, 'sh', '-c', 'pwd; readlink /proc/self/exe']);
    t.equal(stdout, '/\n/usr/bin/busybox\n', image);
  }
  for (const image of ['/bin/out', '/bin/out2', '/bin/loop', '/bin'])
    t.ok([126, 127].includes((await bd0(['run', '--root', root, image])).code!), image);
  const { stdout } = await bd0(['run', '--root', join(place, 'outside'), BUSYBOX, 'sh', '-c', 'ls /']);
  t.equal(stdout, 'dev\nproc\nsecret\nsys\n', 'a file of the host runs in the root as well');
});

t.test('a script is run by the program that it names', async (t) => {
  const place = fs.realpathSync(t.testdir({ root: { bin: {} }, plain: '#!/bin/busybox sh\necho "$0 $#: $@"\n' }));
  const [root, plain] = [join(place, 'root'), join(place, 'plain')];
  fs.copyFileSync(BUSYBOX, join(root, 'bin/only-here'));
  fs.writeFileSync(join(root, 'script'), '#! /bin/only-here  cat \nwhat it says\n');
  fs.writeFileSync(join(place, 'none'), '#!/no/such -x\n');
  const options = await bd0(['run', plain, '-c', '--root', 'x']);
  t.strictSame([options.stdout, options.code], [`${plain} 3: -c --root x\n`, 0], 'options behind it are its own');
  const relative = await bd0(['run', '--cwd', '/', './plain', '-v'], { cwd: place });
  t.equal(relative.stdout, `${plain} 1: -v\n`);
  t.equal((await bd0(['run', '--', './plain'], { cwd: place })).stdout, './plain 0: \n');
  const below = await bd0(['run', '--root', root, '/script']);
  t.match(below.stdout + below.stderr, 'only-here', 'its program lies below the root as well');
  t.match((await bd0(['run', join(place, 'none')])).stderr, 'is not runnable: it is a script (#!/no/such');
});

t.test('the clock begins after the files of the directory, or as --epoch says', async (t) => {
  const place = fs.realpathSync(t.testdir({ old: 'x', new: 'y' }));
  const seconds = async (...options: string[]): Promise<number> => {
    const { stdout } = await bd0(['run', '--cwd', place, ...options, BUSYBOX, 'date', '+%s']);
    return Number(stdout);
  };
  fs.utimesSync(join(place, 'old'), 1e9, 1e9);
  const latest = 2_000_000_000.25;
  fs.utimesSync(join(place, 'new'), latest, latest);
  t.equal(await seconds(), 2_000_000_001, 'after the latest file');
  t.equal(await seconds(), 2_000_000_001, 'and again');
  fs.utimesSync(join(place, 'new'), 1e9, 1e9);
  fs.utimesSync(place, 1e9, 1e9);
  const image = Math.ceil(fs.statSync(BUSYBOX).mtimeMs / 1000);
  t.equal(await seconds(), Math.max(image, 1_704_067_200), 'or in 2024');
  t.equal(await seconds('--epoch', '@86400'), 86_400);
  t.equal(await seconds('--epoch', '2020-02-29'), 1_582_934_400);
  const now = Math.floor(Date.now() / 1000);
  t.ok((await seconds('--epoch', 'now')) >= now);
  for (const wrong of ['x', '@', '12', '1969-01-01', '2020-13-01']) {
    const { code, stderr } = await bd0(['run', '--epoch', wrong, BUSYBOX, 'true']);
    t.equal(code, 125, wrong);
    t.match(stderr, /--epoch '.*' has to be now/);
  }
  execFileSync('touch', [join(place, 'new')]);
  const { stdout } = await bd0(['run', '--cwd', place, BUSYBOX, 'sh', '-c', 'touch made; find . -newer new']);
  t.equal(stdout, '.\n./made\n', 'what is made in the run is newer');
});

t.test('what no program may do to a machine is refused in the words of Linux', async (t) => {
  const { stdout } = await bd0([
    'run',
    BUSYBOX,
    'sh',
    '-c',
    '(mount -t tmpfs x /tmp; unshare -n true; hostname x) 2>&1',
  ]);
  const refusals = [
    'mount: permission denied (are you root?)',
    'unshare: unshare(0x40000000): Operation not permitted',
  ];
  t.equal(stdout, [...refusals, 'hostname: sethostname: Operation not permitted', ''].join('\n'));
});
