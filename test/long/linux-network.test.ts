/** Debian's virtio network driver and busybox's programs, on a closed network and on one that leads to the host. */
import { spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { initramfs } from '../../src/cli/bench/initramfs.js';
import { debianKernel } from '../support/debian-kernel.js';

t.setTimeout(0);

const directory = mkdtempSync(join(tmpdir(), 'bd0-network-'));
t.teardown(() => rmSync(directory, { recursive: true }));
const bin = fileURLToPath(new URL('../../../bin/bd0.cjs', import.meta.url));
const found = debianKernel(directory);

/** In the order in which they are loaded. */
const MODULES = [
  ...['drivers/virtio/virtio_ring', 'drivers/virtio/virtio', 'drivers/virtio/virtio_pci_legacy_dev'],
  ...['drivers/virtio/virtio_pci_modern_dev', 'drivers/virtio/virtio_pci'],
  ...['net/core/failover', 'drivers/net/net_failover', 'drivers/net/virtio_net'],
];

const LEASE = `#!/busybox sh
[ "$1" = bound ] || exit 0
echo "LEASE $ip $mask $router"
/busybox ip addr add $ip/$mask dev $interface
/busybox ip route add default via $router
[ "$dns" ] && echo "nameserver $dns" > /etc/resolv.conf
`;

function init(port: number): string {
  return `#!/busybox sh
/busybox mkdir -p /proc /sys /dev /etc
/busybox mount -t proc proc /proc
/busybox mount -t sysfs sys /sys
/busybox mount -t devtmpfs dev /dev
for module in ${MODULES.map((_, number) => number).join(' ')}; do /busybox insmod /module$module; done
/busybox ip link set lo up
/busybox ip link set eth0 up
/busybox udhcpc -n -q -i eth0 -s /lease
/busybox ping -c 3 10.0.2.2
/busybox nslookup localhost. 2>&1
/busybox wget -q -O - http://10.0.2.2:${port}/small
/busybox wget -q -O - http://10.0.2.2:${port}/large | /busybox sha256sum
/busybox yes abcdefg | /busybox head -c 300000 > /posted
/busybox wget -q -O - --post-file=/posted http://10.0.2.2:${port}/length
/busybox wget -q -O - http://10.0.2.2:1/none 2>&1
/busybox wget -q -O - http://10.0.2.77/none 2>&1
/busybox poweroff -f
`;
}

const LARGE = Buffer.alloc(3_000_000, 'abcdefg');

/** Runs bd0 without input. */
function bd0(words: readonly string[]): Promise<{ output: string; code: number | null }> {
  const child = spawn(process.execPath, [bin, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (output += bytes.toString()));
  return new Promise((done) => child.on('close', (code) => done({ output, code })));
}

t.test('DHCP, ping, names and HTTP', { skip: !found && 'apt-get does not offer the packages' }, async (t) => {
  const server = createServer((request, response) => {
    let length = 0;
    request.on('data', (bytes: Buffer) => (length += bytes.length));
    request.on('end', () => {
      if (request.url === '/small') response.end('HELLO FROM THE HOST\n');
      else if (request.url === '/length') response.end(`GOT ${length} BYTES\n`);
      else response.end(LARGE);
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const modules = MODULES.map((path, number) => ({
    ...{ name: `module${number}`, mode: 0o100644 },
    bytes: found!.module(`${path}.ko`),
  }));
  const lease = { name: 'lease', mode: 0o100755, bytes: Buffer.from(LEASE) };
  const [initrd, recording] = [join(directory, 'initrd'), join(directory, 'recording')];
  writeFileSync(initrd, initramfs(Buffer.from(init(port)), 'busybox', found!.busybox, [...modules, lease]));
  const words = ['boot', found!.path, '--initrd', initrd, '--append', 'console=ttyS0 quiet'];

  const closed = await bd0([...words, '--net', 'user']);
  t.equal(closed.code, 0);
  t.match(closed.output, /LEASE 10\.0\.2\.15 24 10\.0\.2\.2/);
  t.match(closed.output, /3 packets transmitted, 3 packets received/);
  t.equal(closed.output.match(/\(10\.0\.2\.2\): Connection refused/g)?.length, 4);
  t.match(closed.output, /\(10\.0\.2\.77\): No route to host/);
  t.same(await bd0([...words, '--net', 'user']), closed, 'the same in every run');

  const open = await bd0([...words, '--net', 'host', '--record', recording]);
  t.equal(open.code, 0);
  t.match(open.output, /3 packets transmitted, 3 packets received/);
  t.match(open.output, /Server:\s+10\.0\.2\.3[^]*Name:\s+localhost\r\nAddress: 127\.0\.0\.1/);
  t.match(open.output, 'HELLO FROM THE HOST');
  t.match(open.output, `${createHash('sha256').update(LARGE).digest('hex')}  -`);
  t.match(open.output, 'GOT 300000 BYTES');
  t.equal(open.output.match(/\(10\.0\.2\.2\): Connection refused/g)?.length, 1);
  t.notMatch(open.output, /insmod|Call Trace/);
  server.close();

  const replay = spawnSync(process.execPath, [bin, 'replay', recording], { encoding: 'utf8' });
  t.match(replay.stdout, /the same as recorded \(\d+ hashes compared\)/);
});
