/** Debian's kernel with ext4 on an NVMe disk: what fsync has acknowledged survives kill -9 of bd0, whenever that comes. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { initramfs } from '../../src/cli/bench/initramfs.js';
import { debianKernel } from '../support/debian-kernel.js';

t.setTimeout(0);

const BD0 = fileURLToPath(new URL('../../../bin/bd0.cjs', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'bd0-disk-'));
t.teardown(() => rmSync(directory, { recursive: true }));

const found = debianKernel(directory);
const hasTools = spawnSync('mkfs.ext4', ['-V']).status === 0;
const skip = !found ? 'apt-get does not offer the packages' : !hasTools && 'mkfs.ext4 is not installed';

const COMMAND_LINE = 'console=ttyS0 nokaslr nolapic noapic acpi=off reboot=t quiet';
/** Numbers of files that were synchronised before the process is killed. */
const KILLED_AFTER = [1, 7, 23];

const INIT = `#!/busybox sh
/busybox mkdir -p /proc /dev /mnt
/busybox mount -t devtmpfs dev /dev
/busybox mount -t ext4 /dev/nvme0n1 /mnt && /busybox echo MOUNTED
/busybox echo HAS $(/busybox cat /mnt/file*) END
i=0
while /busybox test -e /mnt/file$i; do i=$((i+1)); done
if /busybox test -e /mnt/stop; then /busybox umount /mnt; /busybox reboot -f; fi
while true; do
  /busybox echo $i | /busybox dd of=/mnt/file$i conv=fsync 2>/dev/null && /busybox echo SYNCED $i
  i=$((i+1))
  /busybox test $i = 60 && /busybox touch /mnt/stop && /busybox umount /mnt && /busybox reboot -f
done
`;

/** Boots with the disk `from`, published as 'disk'; kills bd0 once file `killedAfter` is synchronised. Returns what it prints. */
async function bootWith(from: string, killedAfter = Infinity): Promise<string> {
  const files = ['--initrd', join(directory, 'initrd'), '--disk', from, '--publish', 'disk'];
  const bd0 = [BD0, 'boot', found!.path, ...files, '--store', join(directory, 'store'), '--append', COMMAND_LINE];
  const child = spawn(process.execPath, bd0, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => {
    output += bytes.toString('latin1');
    if (output.includes(`SYNCED ${killedAfter}\r\n`)) child.kill('SIGKILL');
  });
  await new Promise((resolve) => child.on('close', resolve));
  return output;
}

/** The numbers that follow a word. */
function numbersAfter(output: string, word: RegExp): number[] {
  return [...output.matchAll(word)].map(([, number]) => Number(number));
}

t.test('what fsync acknowledged is there after kill -9', { skip }, async (t) => {
  const image = join(directory, 'disk.img');
  mkdirSync(join(directory, 'empty'));
  writeFileSync(image, '');
  spawnSync('truncate', ['-s', '24M', image]);
  t.equal(spawnSync('mkfs.ext4', ['-q', '-d', join(directory, 'empty'), image]).status, 0);
  writeFileSync(join(directory, 'initrd'), initramfs(Buffer.from(INIT), 'busybox', found!.busybox));
  let from = image;
  let acknowledged = -1;
  for (const killedAfter of [...KILLED_AFTER, Infinity]) {
    const output = await bootWith(from, killedAfter);
    t.match(output, 'MOUNTED');
    const has = /HAS ?(.*) END/.exec(output)?.[1]?.trim().split(/\s+/).filter(Boolean).map(Number) ?? [];
    const expected = Array.from({ length: acknowledged + 1 }, (_, number) => number);
    t.same(
      expected.filter((number) => !has.includes(number)),
      [],
      `of ${acknowledged + 1} files none is missing`,
    );
    // Where the signal came late, the boot before has written all of them.
    acknowledged = numbersAfter(output, /SYNCED (\d+)/g).at(-1) ?? acknowledged;
    t.ok(acknowledged >= Math.min(killedAfter, 59), `${acknowledged} files are acknowledged`);
    from = 'disk';
  }
  const last = await bootWith('disk');
  t.match(last, 'MOUNTED');
  t.equal(numbersAfter(last, /SYNCED (\d+)/g).length, 0);
  t.match(last, / 59 /, 'the end of the run has published the rest');
});
