/**
 * examples/browser: the page runs guests in a worker, as it should, and machines have the hashes there that they have in Node.
 * The worker is run by Node, too: so its bundle is tested where no Chromium is installed.
 */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { request, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import t, { type Test } from 'tap';
import { findImage, readImage, sha256 } from '../src/host/index.js';
import { Computer } from '../src/index.js';
import { Chromium, findChromium, type ChromiumPage } from './support/chromium.js';

const MIB = 2 ** 20;

/** Guests that end by themselves, with their arguments. */
const GUESTS: readonly (readonly [name: string, argumentLine: string])[] = [
  ['hello_world', ''],
  ['fib', '18'],
  ['qsort', '300'],
  ['sha256', '2'],
  ['nbody', '20'],
];

/** What came of a run. */
interface Ended {
  readonly output: string;
  readonly machineHash: string;
}

/** What the worker reports: see examples/browser/worker.mjs. */
interface Report {
  readonly kind: 'output' | 'progress' | 'ended' | 'failed';
  readonly bytes?: Uint8Array;
  readonly isWaiting?: boolean;
  readonly outcome?: string;
  readonly machineHash?: string;
  readonly message?: string;
}

const example = new URL('../../examples/browser/', import.meta.url);
const { build } = (await import(new URL('build.mjs', example).href)) as {
  build(directory: string): Promise<{ names: string[] }>;
};
const { serve } = (await import(new URL('serve.mjs', example).href)) as {
  serve(directory: string, port: number): Promise<Server>;
};

t.setTimeout(0);

const directory = t.testdir({});
const { names } = await build(join(directory, 'page'));
const server = await serve(join(directory, 'page'), 0);
const { port } = server.address() as AddressInfo;
const origin = `http://127.0.0.1:${port}/`;
t.teardown(() => {
  server.close();
  server.closeAllConnections();
});

const expected = new Map<string, Ended>();

/** The same run as on the page, by the library and in one piece. */
async function runWithLibrary(name: string, argumentLine: string): Promise<Ended> {
  const known = expected.get(name);
  if (known) return known;
  let output = '';
  const computer = new Computer({
    memoryBytes: 128 * MIB,
    sha256,
    console: {
      write: (bytes) => (output += Buffer.from(bytes).toString()),
      read: () => undefined,
      isTerminal: true,
    },
  });
  const image = await readImage(computer.store, findImage(name));
  const argv = `${name} ${argumentLine}`.trim().split(' ');
  const program = computer.start(image, { name, limitBytes: 2 ** 30, argv });
  image.close();
  computer.run(program);
  const ended = { output, machineHash: computer.machineHash() };
  expected.set(name, ended);
  return ended;
}

/** Gives a worker of Node the two globals by which workers of browsers exchange messages. */
const SHIM = `
import { parentPort, workerData } from 'node:worker_threads';
globalThis.self = globalThis;
self.postMessage = (message, { transfer }) => parentPort.postMessage(message, transfer);
await import(workerData);
parentPort.on('message', (data) => self.onmessage({ data }));
`;

/** The bundled worker, run by Node. */
class NodeWorker {
  output = '';
  private readonly worker: Worker;
  private readonly reports: Report[] = [];

  constructor(image: string, argv: readonly string[], files: readonly { name: string; url: string }[] = []) {
    const shim = join(directory, 'shim.mjs');
    writeFileSync(shim, SHIM);
    this.worker = new Worker(shim, { execArgv: [], workerData: pathToFileURL(join(directory, 'page/worker.js')).href });
    this.worker.on('message', (report: Report) => this.receive(report));
    this.send({ kind: 'start', name: argv[0], argv, image: new URL(image, origin).href, files });
  }

  send(message: object): void {
    this.worker.postMessage(message);
  }

  type(text: string): void {
    this.send({ kind: 'input', text });
  }

  /** Waits for a report, of those that came before too. */
  async until(isWanted: (report: Report) => boolean): Promise<Report> {
    for (let at = 0; ; at++) {
      while (at === this.reports.length) await once(this.worker, 'message');
      if (isWanted(this.reports[at]!)) return this.reports[at]!;
    }
  }

  /** The last report, after which the worker is ended. */
  async end(): Promise<Report> {
    const last = await this.until(({ kind }) => kind === 'ended' || kind === 'failed');
    await this.worker.terminate();
    return last;
  }

  private receive(report: Report): void {
    this.reports.push(report);
    if (!report.bytes) return;
    this.output += Buffer.from(report.bytes).toString();
    this.send({ kind: 'shown', bytes: report.bytes.length });
  }
}

t.test('the bundled worker computes the machine hashes of the library', async (t) => {
  for (const [name, argumentLine] of GUESTS) {
    const worker = new NodeWorker(`images/${name}`, `${name} ${argumentLine}`.trim().split(' '));
    const { outcome, machineHash } = await worker.end();
    t.equal(outcome, 'exited', name);
    t.strictSame({ output: worker.output, machineHash }, await runWithLibrary(name, argumentLine), name);
  }
});

t.test('the bundled worker delivers input, and waits for more', async (t) => {
  const worker = new NodeWorker('images/cat', ['cat']);
  await worker.until(({ isWaiting }) => isWaiting === true);
  worker.type('first\r');
  await worker.until(({ kind }) => kind === 'output' && worker.output.endsWith('first\nfirst\n'));
  worker.type('sec');
  worker.type('ond\r\x04');
  t.match(await worker.end(), { outcome: 'exited', exitCode: 0 });
  t.equal(worker.output, 'first\nfirst\nsecond\nsecond\n');
});

t.test('the bundled worker starts guests by name, and keeps what is typed before it is ready', async (t) => {
  const files = [{ name: 'fib', url: new URL('images/fib', origin).href }];
  const worker = new NodeWorker('images/terminal', ['terminal'], files);
  worker.type('start fib 10\rstart nothing\rexit 7\r');
  t.match(await worker.end(), { outcome: 'exited', exitCode: 7 });
  t.match(worker.output, /fib\(10\) = 55\n.*nothing/s);
});

t.test('the bundled worker stops a guest that would not end, running or waiting', async (t) => {
  for (const [name, ...words] of [['fib', '90'], ['cat']] as const) {
    const worker = new NodeWorker(`images/${name}`, [name, ...words]);
    await worker.until(({ kind, isWaiting }) => kind === 'progress' && isWaiting === (name === 'cat'));
    worker.send({ kind: 'stop' });
    t.match(await worker.end(), { outcome: 'stopped', machineHash: /^[0-9a-f]{64}$/ }, name);
  }
});

t.test('the bundled worker reports what cannot run', async (t) => {
  const missing = await new NodeWorker('images/nothing', ['nothing']).end();
  t.match(missing, { kind: 'failed', message: /^cannot load .*\/images\/nothing: 404 / });
  const text = await new NodeWorker('images.json', ['text']).end();
  t.match(text, { kind: 'failed', message: /ELF/ });
});

t.test('the server serves the files of the page and nothing else', async (t) => {
  const get = async (path: string, method = 'GET'): Promise<IncomingMessage> => {
    const [response] = (await once(request({ port, host: '127.0.0.1', path, method }).end(), 'response')) as [
      IncomingMessage,
    ];
    response.resume();
    return response;
  };
  const types = { '/': 'text/html', '/?a=b': 'text/html', '/page.js': 'text/javascript', '/style.css': 'text/css' };
  for (const [path, type] of Object.entries(types)) {
    const { statusCode, headers } = await get(path);
    t.strictSame([statusCode, headers['content-type']?.split(';')[0]], [200, type], path);
  }
  t.equal((await get('/images/fib', 'HEAD')).headers['content-type'], 'application/octet-stream');
  const outside = ['/../shim.mjs', '/images/../../shim.mjs', '/%2e%2e/shim.mjs', '/..%2fshim.mjs', '//shim.mjs', '*'];
  for (const path of [...outside, '/images', '/images/', '/%', '/.hidden', '/page.js%00', '/a\\b'])
    t.equal((await get(path)).statusCode, 404, path);
  t.equal((await get('/', 'POST')).statusCode, 405);
});

interface Screen {
  readonly lines: readonly string[];
  readonly lastLine: readonly string[];
  readonly text: string;
  write(bytes: Uint8Array): void;
}

t.test('the screen shows what a terminal would', async (t) => {
  const { Screen } = (await import(new URL('screen.mjs', example).href)) as { Screen: new () => Screen };
  const shown = (...parts: readonly (string | Uint8Array)[]): Screen => {
    const screen = new Screen();
    for (const part of parts) screen.write(Buffer.from(part));
    return screen;
  };
  const texts: Readonly<Record<string, string>> = {
    'a\nb\n': 'a\nb\n',
    'abc\rX': 'Xbc',
    'abc\b \b': 'ab ',
    'a\tb\tc': 'a       b       c',
    '\x07\x00\x7f\x9ba': 'a',
    'abcdef\x1b[3D\x1b[K': 'abc',
    'abc\x1b[2D\x1b[1KX': ' Xc',
    'abc\x1b[2K': '   ',
    'abc\x1b[2GX\x1b[CY': 'aXcY',
    'old\nold\x1b[H\x1b[2Jnew': 'new',
    '\x1b[31mred\x1b[0m\x1b7': 'red',
    '\u6f22\u5b57\b \b\b \b': '\u6f22  ',
    'e\u0301!': 'e\u0301!',
    '\x1b[9999999999C\x1b[99999999999999999999Dx': 'x',
  };
  for (const [text, expected] of Object.entries(texts)) {
    t.equal(shown(text).text.trimEnd(), expected.trimEnd(), JSON.stringify(text));
    // However the output is cut, the screen is the same.
    t.equal(shown(...Array.from(Buffer.from(text), (byte) => Uint8Array.of(byte))).text, shown(text).text);
  }
  t.strictSame(shown('one\ntwo\x1b[2D').lastLine, ['t', 'w', 'o']);
  t.strictSame(shown('one\ntwo').lastLine, ['two', ' ', '']);
  const endless = shown(...Array.from({ length: 30 }, () => 'line\n'.repeat(100) + 'x'.repeat(10_000)));
  t.ok(endless.lines.length < 2000, `${endless.lines.length} lines are kept`);
  t.ok(endless.lines.every(({ length }) => length <= 4096));
});

/** Chooses a guest on the page and presses Run. */
async function startOnPage(page: ChromiumPage, name: string, argumentLine: string): Promise<void> {
  await page.evaluate(`{
    document.getElementById('guest').value = ${JSON.stringify(name)};
    document.getElementById('arguments').value = ${JSON.stringify(argumentLine)};
    document.getElementById('run').click();
  }`);
}

const stateIs = (...states: readonly string[]): string =>
  `${JSON.stringify(states)}.includes(document.documentElement.dataset.state)`;
const textOf = (id: string): string => `document.getElementById(${JSON.stringify(id)}).textContent`;
const screenHas = (text: string): string => `${textOf('screen')}.includes(${JSON.stringify(text)})`;
const ENDS = ['exited', 'trapped', 'deadlocked', 'stopped', 'failed'];

async function testHashes(t: Test, page: ChromiumPage): Promise<void> {
  for (const [name, argumentLine] of GUESTS) {
    await startOnPage(page, name, argumentLine);
    await page.until(stateIs(...ENDS));
    t.equal(await page.evaluate(textOf('state')), 'Exited, exit code 0', name);
    const { output, machineHash } = await runWithLibrary(name, argumentLine);
    t.equal(((await page.evaluate(textOf('screen'))) as string).trimEnd(), output.trimEnd(), name);
    t.equal(await page.evaluate(textOf('hash')), machineHash, name);
    t.match(await page.evaluate(textOf('ticks')), /^[1-9][\d,]*$/, name);
    t.match(await page.evaluate(textOf('mips')), /^[\d,.]+ MIPS$/, name);
  }
}

/** Counts how often a timer of the page fires while a guest that would not end is running, and then stops the guest. */
async function testResponsiveness(t: Test, page: ChromiumPage): Promise<void> {
  await startOnPage(page, 'fib', '90');
  await page.until(`${stateIs('running')} && ${textOf('ticks')} !== '–'`);
  const before = await page.evaluate(textOf('ticks'));
  await page.evaluate('new Promise((done) => { let left = 20; setInterval(() => --left || done(), 10); })');
  await page.until(`${textOf('ticks')} !== ${JSON.stringify(before)}`);
  t.equal(await page.evaluate(stateIs('running')), true, 'the timer has fired 20 times, and the guest is running');
  await page.evaluate("document.getElementById('stop').click()");
  await page.until(stateIs(...ENDS));
  t.equal(await page.evaluate(textOf('state')), 'Stopped');
  t.match(await page.evaluate(textOf('hash')), /^[0-9a-f]{64}$/);
}

/** Types at the console and in the line below it. */
async function testInput(t: Test, page: ChromiumPage): Promise<void> {
  await startOnPage(page, 'terminal', '-i');
  await page.until(screenHas('> '));
  for (const key of 'start cat!') await page.press(key, key);
  for (const key of ['Backspace', 'Enter']) await page.press(key);
  await page.until(screenHas('> start cat\n'));
  await page.evaluate(`{
    document.getElementById('input').value = '<b>typed</b> & more';
    document.getElementById('send').click();
  }`);
  await page.until(screenHas('<b>typed</b> & more\n<b>typed</b> & more\n'));
  t.equal(await page.evaluate("document.querySelector('#screen b')"), null, 'output is text, not HTML');
  await page.evaluate("document.querySelector('[title^=Interrupts]').click()");
  await page.until(screenHas('cat: exit code 130'));
  for (const key of 'exit 9') await page.press(key, key);
  await page.press('Enter');
  await page.until(stateIs(...ENDS));
  t.equal(await page.evaluate(textOf('state')), 'Exited, exit code 9');
}

/** The page fits into the window, and its controls into the page. */
async function testLayout(t: Test, page: ChromiumPage): Promise<void> {
  for (const [width, height] of [
    [1280, 800],
    [400, 800],
  ] as const) {
    await page.resize(width, height);
    const outside = `[...document.querySelectorAll('button, input, select, pre, dl')].filter((each) => {
      const { left, top, right, bottom, height } = each.getBoundingClientRect();
      return left < 0 || top < 0 || right > innerWidth || bottom > innerHeight || height < 20;
    }).map(({ outerHTML }) => outerHTML)`;
    t.strictSame(await page.evaluate(outside), [], `${width} by ${height}`);
  }
}

t.test('a browser that does not work is reported', async (t) => {
  const cases: [script: string, message: string][] = [
    ['exit 1', 'Chromium has ended, or closed its debugging pipe'],
    ['exec 3<&- 4>&-; sleep 1000', 'Chromium has ended, or closed its debugging pipe'],
    ["printf 'no JSON\\0' >&4; sleep 1000", 'Chromium sends what is not JSON: no JSON'],
    ['printf \'{"method":"Inspector.targetCrashed"}\\0\' >&4; sleep 1000', 'the page in Chromium has crashed'],
    ['sleep 1000', 'Chromium does nothing, and does not reply'],
  ];
  for (const [script, message] of cases) {
    const path = join(directory, 'browser');
    writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const browser = new Chromium(path, 1);
    await t.rejects(browser.open(origin, 1280, 800), { message }, script);
    await browser.close();
  }
});

t.test('a browser that works is waited for, however long it takes', async (t) => {
  const path = join(directory, 'browser');
  writeFileSync(path, '#!/bin/sh\nwhile :; do :; done\n', { mode: 0o755 });
  const browser = new Chromium(path, 1);
  let failure: Error | undefined;
  const opened = browser.open(origin, 1280, 800).catch((error: Error) => (failure = error));
  for (let look = 0; look < 500; look++) await new Promise((done) => setTimeout(done, 1));
  t.equal(failure, undefined);
  await browser.close();
  await opened;
  t.equal(failure?.message, 'Chromium has ended, or closed its debugging pipe');
});

t.test('the page runs guests in Chromium', async (t) => {
  const path = findChromium();
  if (path === undefined)
    return t.comment('Chromium is not installed (apt install chromium): only Node has run the worker');
  const browser = new Chromium(path);
  t.teardown(() => browser.close());
  const page = await browser.open(origin, 1280, 800);
  await page.until(stateIs('idle', 'failed'));
  t.strictSame(
    await page.evaluate("Array.from(document.getElementById('guest').options, ({ value }) => value)"),
    names,
  );
  await t.test('machines have the hashes that they have in Node', (t) => testHashes(t, page));
  await t.test('it stays responsive, and stops the guest', (t) => testResponsiveness(t, page));
  await t.test('what is typed reaches the guest', (t) => testInput(t, page));
  await t.test('it fits into large and small windows', (t) => testLayout(t, page));
  const crashed = page.send('Page.crash', {});
  await t.rejects(crashed, { message: 'the page in Chromium has crashed' }, 'a crash is reported');
});
