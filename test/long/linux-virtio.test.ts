/** Debian's virtio drivers, which are modules, with the virtio devices of a bare machine. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Board } from '../../src/board.js';
import { boot } from '../../src/boot/boot.js';
import { initramfs } from '../../src/cli/bench/initramfs.js';
import { VIRTIO_KINDS } from '../../src/devices/pci/pci-devices.js';
import { sha256 } from '../../src/host/sha256.js';
import { debianKernel } from '../support/debian-kernel.js';

t.setTimeout(0);

const directory = mkdtempSync(join(tmpdir(), 'bd0-virtio-'));
t.teardown(() => rmSync(directory, { recursive: true }));

const found = debianKernel(directory);

/** In the order in which they are loaded. */
const MODULES = [
  ...['virtio/virtio_ring', 'virtio/virtio', 'virtio/virtio_pci_legacy_dev', 'virtio/virtio_pci_modern_dev'],
  ...['virtio/virtio_pci', 'block/virtio_blk', 'char/hw_random/virtio-rng', 'char/virtio_console'],
];

const INIT = `#!/busybox sh
/busybox mkdir -p /proc /dev
/busybox mount -t proc proc /proc
/busybox mount -t devtmpfs dev /dev
for module in ${MODULES.map((_, number) => number).join(' ')}; do /busybox insmod /module$module; done
/busybox dd if=/dev/hwrng bs=32 count=1 2>/dev/null | /busybox sha256sum
/busybox yes bd0 | /busybox dd of=/dev/vda bs=4096 count=100 conv=fsync 2>/dev/null
echo 3 > /proc/sys/vm/drop_caches
/busybox yes bd0 | /busybox head -c 409600 > /expected
/busybox head -c 409600 /dev/vda | /busybox cmp - /expected && echo SAME
echo CONSOLE > /dev/hvc0
read line < /dev/hvc0
echo "GOT $line"
/busybox poweroff -f
`;

for (const [name, line] of [
  ['ACPI and the I/O APIC', 'console=ttyS0 quiet'],
  ['the 8259s', 'console=ttyS0 quiet nolapic noapic acpi=off reboot=t'],
] as const)
  t.test(
    `rng, console and block, with ${name}`,
    { skip: !found && 'apt-get does not offer the packages' },
    async (t) => {
      let output = '';
      let published = 0;
      const board = new Board({
        memoryBytes: 256 * 2 ** 20,
        sha256,
        send: (byte) => (output += String.fromCharCode(byte)),
        virtio: VIRTIO_KINDS,
        disks: [{ open: (store) => store.zeros(2 ** 20), publish: () => published++ }],
      });
      const { kernel, busybox, module } = found!;
      const modules = MODULES.map((path, number) => ({
        name: `module${number}`,
        mode: 0o100644,
        bytes: module(`drivers/${path}.ko`),
      }));
      const initialDisk = initramfs(Buffer.from(INIT), 'busybox', busybox, modules);
      boot(board, { name: 'vmlinuz', kernel, commandLine: line, initialDisk });
      while (!output.includes('CONSOLE')) if (board.run(board.ticks + 1e8).kind !== 'limit') break;
      board.run(board.ticks + 1e8);
      for (const byte of Buffer.from('typed\n')) board.receive(byte);
      while (!/GOT .*\n/.test(output)) if (board.run(board.ticks + 1e8).kind !== 'limit') break;
      t.match(output, /[0-9a-f]{64} {2}-/, 'random bytes');
      t.match(output, /SAME/);
      t.ok(published > 0, 'fsync has published');
      t.match(output, /GOT typed/);
      t.notMatch(output, /insmod|failed|Call Trace/);
    },
  );
