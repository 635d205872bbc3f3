/** `bd0 boot`: options, what it prints, exit codes. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { KERNEL_OUTPUT, guestKernel } from '../support/guest-kernel.js';
import { multibootKernel } from '../support/multiboot.js';
import { bd0, endOf, startBd0 } from './bd0.js';
import { findProgram, runGdb, startDebugged } from './gdb-sessions.js';

const directory = mkdtempSync(join(tmpdir(), 'bd0-boot-'));
t.setTimeout(0);
t.teardown(() => rmSync(directory, { recursive: true }));

/** Writes a Multiboot kernel that consists of these bytes. */
function kernelOf(name: string, ...code: readonly number[]): string {
  const path = join(directory, name);
  writeFileSync(path, multibootKernel(code));
  return path;
}

const kernel = join(directory, 'kernel');
writeFileSync(kernel, guestKernel());

t.test('a kernel, its exit code, and where its output goes', async (t) => {
  t.match(await bd0(['boot', '-m', '64MB', kernel]), { code: 1, stdout: KERNEL_OUTPUT, stderr: '' });
  const serial = join(directory, 'serial');
  t.match(await bd0(['boot', '-m64MB', '--serial', serial, kernel]), { code: 1, stdout: '', stderr: '' });
  t.equal(readFileSync(serial, 'latin1'), KERNEL_OUTPUT);
});

t.test('a network: closed, or to the host, with a recording', async (t) => {
  const server = createServer((_request, response) => response.end('hello from the host\n'));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const [file, recording] = [join(directory, 'network'), join(directory, 'network.bd0')];
  writeFileSync(file, guestKernel('network'));
  const words = ['boot', '-m', '4MB', '--append', `${port}`, file];
  t.match(await bd0(words), { code: 3, stdout: 'there is no network device\n' });
  t.match(await bd0([...words, '--net', 'user']), {
    code: 5,
    stdout: 'the gateway is there\nthe connection is refused\n',
  });
  const run = await bd0([...words, '--net', 'host', '--record', recording]);
  t.match(run, {
    code: 1,
    stdout: /^the gateway is there\nHTTP\/1.1 200 OK[^]*hello from the host\ndone\n$/,
    stderr: '',
  });
  server.close();
  t.match((await bd0(['replay', recording])).stdout, /the same as recorded/);
  t.match(await bd0([...words, '--net', 'host']), { code: 5 }, 'nobody listens');
  for (const [net, line] of [
    ['hots', /^bd0: --net cannot be 'hots': did you mean 'host'/],
    ['none', /^bd0: --net cannot be 'none': choose user or host/],
  ] as const)
    t.match(await bd0([...words, '--net', net]), { code: 125, stderr: line });
});

t.test('a machine that is saved with an open connection, or without a network', async (t) => {
  // It lets the kernel wait for an answer.
  const server = createServer(() => {});
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const [file, store] = [join(directory, 'network'), join(directory, 'connected')];
  writeFileSync(file, guestKernel('network'));
  const words = ['boot', '-m', '4MB', '--append', `${port}`, '--store', store, file, '--max-instructions'];
  const before = await bd0([...words, '3000000', '--net', 'host', '--snapshot-at', '2000000', 'connected']);
  t.match(before, { code: 124, stdout: 'the gateway is there\n' });
  const resume = ['boot', '--store', store, '--resume'];
  for (const net of [['--net', 'host'], ['--net', 'user'], []]) {
    const after = await bd0([...resume, 'connected', ...net]);
    t.match(after, { code: 5, stdout: 'the connection is refused\n', stderr: '' }, net.join(' '));
  }
  t.match(await bd0([...words, '1000', '--snapshot-at', '500', 'alone']), { stderr: /saved 'alone'/ });
  t.match(await bd0([...resume, 'alone', '--net', 'user']), {
    code: 125,
    stderr: /^bd0: --net 'user': 'alone' was saved without a network$/m,
  });
});

t.test('the result as JSON', async (t) => {
  const { stderr } = await bd0(['boot', '-m64MB', '--json', kernel]);
  t.match(JSON.parse(stderr), {
    kind: 'exit',
    code: 1,
    exitCode: 1,
    interrupts: 10,
    serialBytes: KERNEL_OUTPUT.length,
  });
});

t.test(
  'gdb goes forwards to the end and backwards from it',
  { skip: !findProgram('gdb') && 'gdb is not installed' },
  async (t) => {
    const symbols = join(directory, 'kernel.elf');
    writeFileSync(symbols, guestKernel('symbols'));
    const { place, ended } = await startDebugged(t, ['-m64MB', '--symbols', symbols, kernel], '', 'boot');
    const shown = await runGdb(
      place,
      `break handle_system_call
       continue
       delete
       continue
       reverse-stepi
       print calls
       watch breakpoints
       reverse-continue
       print breakpoints
       print $k_gs_base
       monitor who &calls
       delete
       continue
       continue`,
    );
    t.match(shown, /Breakpoint 1, handle_system_call/);
    t.match(shown, /the kernel ends the run with exit code 1\n+Program received signal SIGABRT/);
    t.match(shown, /\$1 = 101\n/);
    t.match(shown, /Hardware watchpoint 2: breakpoints[^]*\$2 = 0\n/);
    t.match(shown, /\[Inferior 1 .* exited with code 01\]/);
    t.match(await ended, { code: 1, stdout: KERNEL_OUTPUT });
  },
);

t.test('statistics and traces', async (t) => {
  const { stderr, stdout } = await bd0(['boot', '-m64MB', '--stats', '--trace', 'irq,faults', kernel]);
  t.equal(stdout, KERNEL_OUTPUT);
  t.equal(stderr.match(/^\d+ irq vector 32 rip \w+$/gm)?.length, 10);
  t.equal(stderr.match(/^\d+ fault #PF error code 2 address 8000\d000 rip \w+$/gm)?.length, 5);
  t.match(stderr, /^ticks {13}\d{8}$/m);
  t.match(stderr, /^interrupts {8}10$/m);
  t.match(stderr, /^TLB flushes {7}\d+: [a-z ]+ \d+/m);
  t.match(stderr, /^in TypeScript {5}\d{2,} other instructions$/m);
  t.match(stderr, /^Wasm modules {6}\d+ now, \d+ in all$/m);
  t.match(stderr, /^translating took {2}\d+\.\d % of the CPU seconds$/m);
  const traced = await bd0(['boot', '-m64MB', '--trace', 'io', '--max-instructions', '30000', kernel]);
  t.match(traced, { code: 124, stderr: /^\d+ out port 3f8 8 bits 62$/m });
  // mov eax, [FEE00030h]; cli; hlt
  const reads = kernelOf('version', 0xa1, 0x30, 0x00, 0xe0, 0xfe, 0xfa, 0xf4);
  const apic = await bd0(['boot', '--trace', 'io', '--stats', '--disk', kernel, reads]);
  t.match(apic, { code: 0, stderr: /^\d+ read memory fee00030 32 bits 50014$/m });
  t.match(apic.stderr, /^disk 1 {12}0 bytes read, 0 written, published 0 times$/m);
});

t.test('a machine that is saved goes on in another process', async (t) => {
  const store = join(directory, 'machines');
  const before = await bd0(['boot', '-m64MB', '--store', store, '--snapshot-at', '5000000', 'early', kernel]);
  t.match(before, { code: 1, stdout: KERNEL_OUTPUT, stderr: /^bd0: saved 'early' at tick 5000000: [0-9a-f]{64}$/m });
  const after = await bd0(['boot', '--store', store, '--resume', 'early', '--engine', 'interpreter']);
  t.equal(after.code, 1);
  t.ok(KERNEL_OUTPUT.endsWith(after.stdout) && after.stdout.length > 0, after.stdout);
  const refusals: readonly (readonly [args: readonly string[], line: RegExp])[] = [
    [['--resume', 'early'], /--resume needs --store DIR/],
    [['--resume', 'late', '--store', store], /there is no snapshot 'late'/],
    [['--resume', 'early', '--store', store, kernel], /remove '.*kernel'/],
    [['--resume', 'early', '--store', store, '-m64MB'], /remove --memory/],
    [['--resume', 'early', '--store', store, '--publish', 'x'], /--publish 'x' has no disk: 'early' has 0/],
    [['--resume', 'early', '--publish', 'x'], /--publish needs a store/],
  ];
  for (const [args, line] of refusals) t.match(await bd0(['boot', ...args]), { stderr: line });
});

t.test('the disks of a machine that is resumed can be published', async (t) => {
  const [store, disk] = [join(directory, 'disks'), join(directory, 'disk')];
  const content = Uint8Array.from({ length: 3 * 4096 + 512 }, (_, at) => (at * 7) % 251);
  writeFileSync(disk, content);
  const words = ['--store', store, '--disk', disk, '--snapshot-at', '5000000', 'early', '-m64MB', kernel];
  t.match(await bd0(['boot', ...words]), { code: 1, stderr: /^bd0: saved 'early'/ });
  rmSync(disk);
  t.match(await bd0(['boot', '--store', store, '--resume', 'early', '--publish', 'kept']), { code: 1, stderr: '' });
  const file = join(directory, 'same');
  writeFileSync(file, content);
  const ids = await Promise.all(
    [
      ['hash', file],
      ['explain', 'kept', '--store', store],
    ].map((words) => bd0(['vmo', ...words])),
  );
  t.match(ids[0], { code: 0, stdout: /^[0-9a-f]{64}/ });
  t.ok(ids[1]!.stdout.includes(ids[0]!.stdout.slice(0, 16)), ids[1]!.stdout);
});

t.test('how a run ends', async (t) => {
  const ends: readonly (readonly [name: string, code: readonly number[], exitCode: number, line: string])[] = [
    ['halt', [0xf4], 0, 'bd0: the processor has halted with interrupts off'],
    ['interrupt', [0xcc], 0, 'bd0: the machine was reset by a triple fault'],
    ['reset', [0xb0, 1, 0xe6, 0x92], 0, 'bd0: the machine was reset by port 92h'],
    [
      'wait',
      [0xfb, 0xb0, 0xff, 0xe6, 0x21, 0xf4],
      124,
      'bd0: the processor waits for an interrupt, and none will come',
    ],
    ['loop', [0xeb, 0xfe], 124, 'bd0: stopped: instructions (--max-instructions)'],
  ];
  for (const [name, code, exitCode, line] of ends) {
    const ran = await bd0(['boot', '--max-instructions', '100000', kernelOf(name, ...code)]);
    t.match(ran, { code: exitCode, stdout: '', stderr: `${line}\n` }, name);
  }
});

t.test('errors are one line', async (t) => {
  const errors: readonly (readonly [words: readonly string[], code: number, line: RegExp])[] = [
    [[], 125, /^bd0: bd0 boot needs a KERNEL/],
    [[kernel, 'x'], 125, /^bd0: bd0 boot takes one KERNEL: remove 'x'/],
    [['/nowhere'], 127, /^bd0: cannot read '\/nowhere'/],
    [[kernelOf('bad').replace(/bad$/, 'kernel'), '-m', '1KB'], 125, /too small/],
    [['--disk', join(directory, 'none'), kernel], 127, /^bd0: --disk '.*none' is not a file; --store DIR is needed/],
    [['--virtio', 'rgn', kernel], 125, /^bd0: --virtio cannot be 'rgn': did you mean 'rng'\?/],
    [['--publish', 'x', kernel], 125, /^bd0: --publish 'x' has no disk/],
    [['--disk', kernel, '--publish', 'x', kernel], 125, /^bd0: --publish needs a store: --store DIR/],
    [['--disk', 'x', '--store', join(directory, 'store'), kernel], 127, /^bd0: --disk 'x' is neither a file nor in/],
    [[process.execPath], 126, /^bd0: cannot boot '.*': it is not a kernel that bd0 can boot/],
    [['--trace', 'x', kernel], 125, /^bd0: --trace cannot be 'x'/],
    [['--initrd', '/nowhere', kernel], 127, /^bd0: cannot read '\/nowhere'/],
  ];
  for (const [words, code, line] of errors) {
    const ran = await bd0(['boot', ...words]);
    t.match(ran, { code, stdout: '', stderr: line }, words.join(' '));
    t.equal(ran.stderr.split('\n').length, 2);
  }
  const { stdout } = await bd0(['boot', '--help']);
  for (const option of ['--append', '--initrd', '--serial', '--trace', 'Ctrl-A x']) t.match(stdout, option);
});

t.test('input reaches the serial port, and a signal ends the run', async (t) => {
  // Sends each byte that it receives, and ends at a newline.
  const code = [
    0x66, 0xba, 0xfd, 0x03, 0xec, 0xa8, 1, 0x74, 0xfb, 0x66, 0xba, 0xf8, 0x03, 0xec, 0xee, 0x3c, 10, 0x75, 0xed, 0xf4,
  ];
  const echo = kernelOf('echo', ...code);
  t.match(await bd0(['boot', echo], { input: 'typed\n' }), { code: 0, stdout: 'typed\n' });
  const child = startBd0(['boot', echo]);
  child.stdin.write('x');
  const ended = endOf(child);
  child.stdout.once('data', () => child.kill('SIGINT'));
  t.match(await ended, { code: 130, stdout: 'x' });
});
