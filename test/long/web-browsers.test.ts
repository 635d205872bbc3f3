/**
 * The page and `<bd0-machine>` in Chromium and in Firefox: the hashes of Node, its speed, and how long a key takes while a guest
 * computes. Figures are reported, not judged: other programs may run on this computer.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import t, { type Test } from 'tap';
import { serveSite } from '../../src/cli/web/site-server.js';
import { sha256 } from '../../src/host/index.js';
import { Board, boot } from '../../src/index.js';
import type {} from '../../src/web/bd0.js';
import { debianKernel } from '../support/debian-kernel.js';
import { guestKernel } from '../support/guest-kernel.js';

t.setTimeout(0);

const root = fileURLToPath(new URL('../../..', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'bd0-browsers-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));

const BROWSERS = [
  { browser: 'chrome', path: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] },
  { browser: 'firefox', path: '/usr/bin/firefox-esr', args: [] },
] as const;

/** A program of Linux without a library. */
const LINUX = `
static long call(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}
void _start(void) {
  unsigned long sum = 0;
  for (unsigned long i = 0; i < 300000; i++) sum = sum * 6364136223846793005ul + i;
  char text[18] = "0123456789abcdef\\n";
  for (int i = 0; i < 16; i++) text[i] = "0123456789abcdef"[sum >> (60 - 4 * i) & 15];
  call(1, 1, (long)text, 17);
  call(60, 3, 0, 0);
}
`;

/** Guests that end by themselves, with their arguments. */
const GUESTS: readonly (readonly [name: string, argumentLine: string])[] = [
  ...([
    ['hello_world', ''],
    ['echo', 'one two'],
    ['fib', '22'],
    ['qsort', '1000'],
    ['sha256', '4'],
  ] as const),
  ...([
    ['nbody', '200'],
    ['sieve', '20000'],
    ['heap', ''],
    ['deepstack', ''],
    ['snapshot', ''],
  ] as const),
  ['linux', ''],
];

/** Guests that compute for some seconds. */
const WORKLOADS: readonly (readonly [name: string, argumentLine: string])[] = [
  ...([
    ['fib', '39'],
    ['qsort', '1500000'],
    ['sha256', '8000'],
    ['nbody', '700000'],
    ['sieve', '60000000'],
  ] as const),
];

/** Serves the site of the package, and a program of Linux among the images. */
async function serve(): Promise<string> {
  const site = join(directory, 'site');
  mkdirSync(join(site, 'images'), { recursive: true });
  const files = [
    'index.html',
    'page.js',
    'bd0.js',
    'worker.js',
    'interpreter.wasm',
    'files.json',
    'style.css',
    'xterm.css',
  ];
  const built = join(root, 'dist/web');
  for (const name of readdirSync(built)) if (/\.\w+$/.test(name)) copyFileSync(join(built, name), join(site, name));
  for (const name of files) if (!existsSync(join(site, name))) throw new Error(`the site has no ${name}`);
  for (const [name] of [...GUESTS, ...WORKLOADS, ['terminal']])
    if (name !== 'linux') copyFileSync(join(built, 'images', name!), join(site, 'images', name!));
  writeFileSync(join(site, 'images/kernel'), guestKernel());
  if (debian) writeFileSync(join(site, 'images/vmlinuz'), debian.kernel);
  writeFileSync(join(directory, 'linux.c'), LINUX);
  const options = ['-O2', '-static', '-nostdlib', '-fno-stack-protector', '-fcf-protection=none'];
  execFileSync('gcc', [...options, join(directory, 'linux.c'), '-o', join(site, 'images/linux')]);
  writeFileSync(join(site, 'empty.html'), '<!doctype html><script type="module" src="bd0.js"></script>');
  const server = await serveSite(site, 0);
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const debian = debianKernel(mkdtempSync(join(directory, 'debian-')));
let linuxHash: string | undefined;

const origin = await serve();

/** What came of a run. */
interface Ran {
  readonly hash: string;
  readonly mips: number;
}

const ranInNode = new Map<string, Ran>();

const ALONE = fileURLToPath(new URL('../support/run-alone.js', import.meta.url));

/** The same run in Node, in a process of its own, as the machine in the page has a worker of its own: neither begins warm. */
function runInNode(name: string, argumentLine: string): Ran {
  const key = `${name} ${argumentLine}`;
  const known = ranInNode.get(key);
  if (known) return known;
  const image = join(directory, 'site/images', name);
  const words = [image, String(2 ** 27), String(2 ** 30), name === 'linux' ? 'linux' : 'bd0', ...key.trim().split(' ')];
  const ran = JSON.parse(execFileSync(process.execPath, [ALONE, ...words], { encoding: 'utf8' })) as Ran;
  ranInNode.set(key, ran);
  return ran;
}

/** Runs a guest in an element of the page. */
function runInPage(
  page: Page,
  name: string,
  argumentLine: string,
  attributes: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  return page.evaluate(
    (image, args, attributes) =>
      new Promise<Ran>((done, failed) => {
        const each = document.createElement('bd0-machine');
        each.hidden = true;
        each.setAttribute('image', image);
        each.setAttribute('args', args);
        for (const [attribute, value] of Object.entries(attributes)) each.setAttribute(attribute, value);
        each.addEventListener('failure', ({ detail }) => failed(new Error(detail)));
        each.addEventListener('exit', () => {
          const { instructions, busyMs } = each.machine!.status!;
          void each.machineHash().then((hash) => {
            each.remove();
            done({ hash, mips: instructions / busyMs / 1000 });
          });
        });
        document.body.append(each);
      }),
    `images/${name}`,
    argumentLine,
    attributes,
  );
}

async function testHashes(t: Test, page: Page): Promise<void> {
  for (const [name, argumentLine] of GUESTS) {
    const { hash } = await runInPage(page, name, argumentLine);
    t.equal(hash, runInNode(name, argumentLine).hash, name);
  }
}

/** A kernel on a bare machine, to its end. */
async function testKernel(t: Test, page: Page): Promise<void> {
  const board = new Board({ memoryBytes: 2 ** 27, sha256, send: () => {} });
  boot(board, { name: 'kernel', kernel: guestKernel(), commandLine: 'word' });
  board.run(Infinity);
  const { hash } = await runInPage(page, 'kernel', '', { boot: '', append: 'word' });
  t.equal(hash, board.machineHash());
}

const LINUX_TICKS = 1e8;
const LINUX_COMMAND_LINE = 'console=ttyS0 nokaslr nolapic noapic acpi=off reboot=t';

/** The first 100 million instructions of Debian's kernel. */
async function testLinux(t: Test, page: Page): Promise<void> {
  if (!debian) return t.comment('apt-get offers no package linux-image-cloud-amd64: Linux was not booted');
  linuxHash ??= bootInNode(debian.kernel);
  const inPage = await page.evaluate(
    (ticks, append) =>
      new Promise<string>((done, failed) => {
        const each = document.createElement('bd0-machine');
        each.hidden = true;
        for (const [attribute, value] of Object.entries({ boot: '', append, image: 'images/vmlinuz', memory: '256MB' }))
          each.setAttribute(attribute, value);
        each.addEventListener('failure', ({ detail }) => failed(new Error(detail)));
        each.addEventListener('exit', () => failed(new Error('the kernel has ended')));
        each.addEventListener('stop', ({ detail }) => {
          if (detail.ticks !== ticks) failed(new Error(`stopped at ${detail.ticks}`));
          void each.machineHash().then((hash) => {
            each.remove();
            done(hash);
          });
        });
        document.body.append(each);
        void each.machine!.started.then(() => each.machine!.call('goto', ticks));
      }),
    LINUX_TICKS,
    LINUX_COMMAND_LINE,
  );
  t.equal(inPage, linuxHash);
}

function bootInNode(kernel: Uint8Array): string {
  const board = new Board({ memoryBytes: 2 ** 28, sha256, send: () => {} });
  boot(board, { name: 'vmlinuz', kernel, commandLine: LINUX_COMMAND_LINE });
  while (board.ticks < LINUX_TICKS) board.run(LINUX_TICKS, true);
  return board.machineHash();
}

async function reportSpeed(t: Test, page: Page): Promise<void> {
  for (const [name, argumentLine] of WORKLOADS) {
    const here = await runInPage(page, name, argumentLine);
    const node = runInNode(name, argumentLine);
    t.equal(here.hash, node.hash, name);
    t.comment(
      `${name}: ${here.mips.toFixed(0)} MIPS, in Node ${node.mips.toFixed(0)}, ${(here.mips / node.mips).toFixed(2)}`,
    );
  }
}

/** Types at the shell while a guest computes in the background. */
async function reportLatency(t: Test, page: Page): Promise<void> {
  const start = performance.now();
  await page.goto(origin);
  const contains = (text: string): Promise<unknown> =>
    page.waitForFunction(
      (text) =>
        (globalThis as unknown as { bd0?: { terminal: { content: string } } }).bd0?.terminal.content.includes(text),
      { timeout: 0, polling: 5 },
      text,
    );
  await contains('\n>');
  t.comment(`the shell has its prompt after ${(performance.now() - start).toFixed(0)} ms`);
  await page.keyboard.type('start fib 90 &');
  await page.keyboard.press('Enter');
  await contains('fib\n>');
  const delays: number[] = [];
  for (let count = 1; count <= 10; count++) {
    const before = performance.now();
    await page.keyboard.press('x');
    await contains(`> ${'x'.repeat(count)}`);
    delays.push(performance.now() - before);
  }
  delays.sort((a, b) => a - b);
  t.comment(`a key is echoed after ${delays[5]!.toFixed(0)} ms (median), ${delays.at(-1)!.toFixed(0)} ms (longest)`);
  t.pass('keys are echoed');
}

for (const { browser, path, args } of BROWSERS)
  t.test(`machines in ${browser}`, async (t) => {
    if (!existsSync(path)) return t.comment(`${path} is not installed: ${browser} was not tested`);
    const home = mkdtempSync(join(directory, 'home-'));
    let opened: Browser | undefined;
    t.teardown(() => opened?.close());
    opened = await puppeteer.launch({
      browser,
      executablePath: path,
      args: [...args],
      env: { ...process.env, HOME: home },
    });
    const page = await opened.newPage();
    await page.goto(`${origin}empty.html`);
    await t.test('have the hashes that they have in Node', (t) => testHashes(t, page));
    await t.test('boot a kernel', (t) => testKernel(t, page));
    await t.test('boot Linux', (t) => testLinux(t, page));
    await t.test('compute', (t) => reportSpeed(t, page));
    await t.test('answer while they compute', (t) => reportLatency(t, page));
  });
