/**
 * `<bd0-machine>`: machines in a page have the hashes that they have in Node. The worker is run by Node, too: so its bundle is
 * tested where no Chromium is installed.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import t, { type Test } from 'tap';
import { serveSite } from '../src/cli/web/site-server.js';
import { findImage, readImage, sha256 } from '../src/host/index.js';
import { Board, boot, Computer } from '../src/index.js';
import { LINUX_ENVIRONMENT } from '../src/kernel/calls/process.js';
import { highHalf, lowHalf } from '../src/kernel/memory/linear-address.js';
import type { Process } from '../src/kernel/tasks/process.js';
import type { EngineState } from '../src/web/machine/engine-methods.js';
import type { PictureOfSpace } from '../src/web/machine/memory-methods.js';
import type { Report, Request, StartOptions, Status } from '../src/web/protocol.js';
import { Chromium, findChromium, type ChromiumPage } from './support/chromium.js';
import { guestKernel } from './support/guest-kernel.js';

const MIB = 2 ** 20;
const root = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '');

/** Guests that end by themselves, with their arguments. */
const GUESTS: readonly (readonly [name: string, argumentLine: string])[] = [
  ['hello_world', ''],
  ['fib', '18'],
  ['qsort', '300'],
  ['sha256', '2'],
  ['nbody', '20'],
];

t.setTimeout(0);

const directory = t.testdir({});
const server = await serveSite(root, 0);
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
t.teardown(() => {
  server.close();
  server.closeAllConnections();
});

/** What came of a run. */
interface Ended {
  readonly output: string;
  readonly machineHash: string;
}

const expected = new Map<string, Ended>();

/** A machine like that of the page, by the library; `write` gets its output. */
async function startWithLibrary(
  name: string,
  argumentLine: string,
  write: (bytes: Uint8Array) => void = () => {},
): Promise<{ computer: Computer; program: Process }> {
  const console = { write, read: () => undefined, isTerminal: true };
  const computer = new Computer({ memoryBytes: 64 * MIB, sha256, console });
  const image = await readImage(computer.store, findImage(name));
  const program = computer.start(image, {
    name,
    limitBytes: 2 ** 30,
    argv: `${name} ${argumentLine}`.trim().split(' '),
  });
  image.close();
  return { computer, program };
}

/** The same run as in the page, in one piece. */
async function runWithLibrary(name: string, argumentLine: string): Promise<Ended> {
  const known = expected.get(`${name} ${argumentLine}`);
  if (known) return known;
  let output = '';
  const write = (bytes: Uint8Array): void => void (output += Buffer.from(bytes).toString());
  const { computer, program } = await startWithLibrary(name, argumentLine, write);
  computer.run(program);
  const ended = { output, machineHash: computer.machineHash() };
  expected.set(`${name} ${argumentLine}`, ended);
  return ended;
}

/** Gives a worker of Node what the bundle needs of a browser. */
const SHIM = `
import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
globalThis.postMessage = (message) => parentPort.postMessage(message);
globalThis.fetch = async (url) => new Response(readFileSync(url));
// Node handles a thousand messages of a channel before it looks at anything else.
globalThis.MessageChannel = class {
  port1 = { onmessage: undefined, close: () => {} };
  port2 = { postMessage: () => setImmediate(() => this.port1.onmessage()) };
};
globalThis.XMLHttpRequest = class {
  open(method, url) { this.url = new URL(url); }
  send() {
    try {
      this.response = new Uint8Array(readFileSync(this.url)).buffer;
      this.status = 200;
    } catch (error) {
      [this.status, this.statusText] = [404, error.code];
    }
  }
};
await import(workerData);
parentPort.on('message', (data) => globalThis.onmessage({ data }));
`;

/** A worker that has answered so often, at intervals of LOOK_MS at the least, would have reported what a test waits for. */
const ANSWERS_MAX = 3000;
const LOOK_MS = 20;
/** CPU seconds of this process, with its workers, that no wait comes near. */
const CPU_SECONDS_MAX = 200;

function moment(): Promise<'moment'> {
  return new Promise((done) => setTimeout(() => done('moment'), LOOK_MS).unref());
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** The bundled worker, run by Node. It ends with its test, however that ends. */
class NodeWorker {
  output = '';
  private readonly worker: Worker;
  private readonly reports: Report[] = [];
  /** Questions that `turn` has asked, and those that were answered. */
  private asked = 0;
  private answered = 0;
  /** Resolved by the next message of the worker. */
  private next!: Promise<void>;
  private cameNext: () => void = () => {};
  /** Rejected when no report will come any more. */
  private readonly lost: Promise<never>;

  constructor(t: Test, name: string, words: readonly string[], given: Partial<StartOptions> = {}) {
    const shim = join(directory, 'shim.mjs');
    writeFileSync(shim, SHIM);
    const bundle = pathToFileURL(join(root, 'dist/web/worker.js')).href;
    this.worker = new Worker(shim, { execArgv: [], workerData: bundle });
    t.teardown(() => this.worker.terminate());
    this.expectNext();
    this.worker.on('message', (report: Report) => {
      this.receive(report);
      this.cameNext();
      this.expectNext();
    });
    this.lost = new Promise((_, failed) => {
      this.worker.on('error', failed);
      this.worker.on('exit', (code) => failed(new Error(`the worker of ${name} has ended with ${code}`)));
    });
    this.lost.catch(() => {});
    const options = {
      ...{ name, argv: [name, ...words], files: [], historyBytes: 0, pausesAtTraps: false },
      image: { bytes: readFileSync(findImage(name)) },
      ...{ memoryBytes: 64 * MIB, limitBytes: 2 ** 30 },
      ...given,
    };
    this.send({ kind: 'start', options });
  }

  send(request: Request): void {
    this.worker.postMessage(request);
  }

  type(text: string): void {
    this.send({ kind: 'input', bytes: Buffer.from(text) });
  }

  /** Number of reports that have come. */
  get count(): number {
    return this.reports.length;
  }

  /**
   * Waits for a report; `from`: the number of those that do not count, of all that have come. Rejects where none will come: the
   * worker or its machine has failed, has answered many questions since then, or has computed for very long.
   */
  async until(isWanted: (report: Report) => boolean, from = 0): Promise<Report> {
    const cpuStart = cpuSeconds();
    for (let at = from, answers = 0; ; at++) {
      while (at === this.reports.length) {
        if (answers >= ANSWERS_MAX) throw new Error(`nothing more comes of the worker: ${this.lately}`);
        if (cpuSeconds() - cpuStart > CPU_SECONDS_MAX) throw new Error(`the worker takes too long: ${this.lately}`);
        answers += await this.turn();
      }
      const report = this.reports[at]!;
      if (isWanted(report)) return report;
      if (report.kind === 'failed') throw new Error(`the machine has failed: ${report.message}`);
    }
  }

  /** Waits for a moment, or for a report. Returns 1 if the worker has answered a question instead, which shows that it has had its turn. */
  private async turn(): Promise<number> {
    const { answered } = this;
    const came = await Promise.race([this.next, this.lost, moment()]);
    if (came === 'moment' && this.asked === this.answered)
      this.send({ kind: 'call', id: -++this.asked, method: '', argument: undefined });
    return this.answered > answered ? 1 : 0;
  }

  /** What the machine did last. */
  private get lately(): string {
    return `${JSON.stringify(this.reports.filter(({ kind }) => kind === 'status').at(-1))}, ${JSON.stringify(this.output)}`;
  }

  async untilStatus(isWanted: (status: Status) => boolean, from = 0): Promise<Status> {
    const report = await this.until((each) => each.kind === 'status' && isWanted(each.status), from);
    return (report as Extract<Report, { kind: 'status' }>).status;
  }

  async call(method: string, argument?: unknown): Promise<unknown> {
    const id = this.reports.length + 1;
    this.send({ kind: 'call', id, method, argument });
    const reply = await this.until((each) => (each.kind === 'reply' || each.kind === 'refusal') && each.id === id);
    if (reply.kind === 'refusal') throw new Error(reply.message);
    return (reply as Extract<Report, { kind: 'reply' }>).result;
  }

  async close(): Promise<void> {
    await this.worker.terminate();
  }

  private expectNext(): void {
    this.next = new Promise((done) => (this.cameNext = done));
  }

  private receive(report: Report): void {
    if (report.kind === 'refusal' && report.id < 0) return void this.answered++;
    this.reports.push(report);
    if (report.kind !== 'output') return;
    this.output = this.output.slice(0, report.at) + Buffer.from(report.bytes).toString();
    this.send({ kind: 'shown', bytes: report.bytes.length });
  }
}

const hasEnded = ({ state }: Status): boolean => state === 'ended';

t.test('the bundled worker computes the machine hashes of the library', async (t) => {
  for (const [name, argumentLine] of GUESTS) {
    const words = argumentLine.split(' ').filter((word) => word !== '');
    const worker = new NodeWorker(t, name, words);
    t.equal((await worker.untilStatus(hasEnded)).exitCode, 0, name);
    const machineHash = await worker.call('machineHash');
    t.strictSame({ output: worker.output, machineHash }, await runWithLibrary(name, argumentLine), name);
    await worker.close();
  }
});

t.test('the translator is loaded while a machine runs, which has the same hash', async (t) => {
  const worker = new NodeWorker(t, 'fib', ['90']);
  let translated = 0;
  while (translated === 0) {
    const { statistics } = (await worker.call('engine')) as EngineState;
    translated = statistics.translation?.regionsLive ?? 0;
  }
  worker.send({ kind: 'pause' });
  const { ticks } = await worker.untilStatus(({ state }) => state === 'paused');
  const { computer, program } = await startWithLibrary('fib', '90');
  computer.run(program, { maxTicks: ticks });
  t.equal(computer.ticks, ticks);
  t.equal(await worker.call('machineHash'), computer.machineHash(), `at tick ${ticks}`);
});

t.test('a machine with a history has the same hashes', async (t) => {
  const worker = new NodeWorker(t, 'fib', ['18'], { historyBytes: 64 * MIB });
  const { begin, end } = await worker.untilStatus(hasEnded);
  const { machineHash } = await runWithLibrary('fib', '18');
  t.equal(await worker.call('machineHash'), machineHash);
  const middle = Math.floor((begin + end) / 2);
  await worker.call('goto', middle);
  t.match(await worker.untilStatus(({ ticks }) => ticks === middle), { state: 'paused', isPast: true, outputBytes: 0 });
  const { count } = worker;
  await worker.call('goto', Infinity);
  await worker.untilStatus(({ state, isPast, ticks }) => state === 'ended' && !isPast && ticks === end, count);
  t.equal(await worker.call('machineHash'), machineHash);
  await worker.call('goto', middle);
  await worker.untilStatus(({ ticks }) => ticks === middle, count);
  const { count: before } = worker;
  worker.send({ kind: 'continue' });
  t.match(await worker.untilStatus(({ state }) => state === 'ended', before), {
    isPast: false,
    ticks: end,
    exitCode: 0,
  });
  t.equal(await worker.call('machineHash'), machineHash, 'it has gone on to its end');
  await worker.close();
});

t.test('the bundled worker delivers input, and waits for more', async (t) => {
  const worker = new NodeWorker(t, 'cat', []);
  await worker.untilStatus(({ state }) => state === 'waiting');
  worker.type('first\r');
  await worker.until(({ kind }) => kind === 'output' && worker.output.endsWith('first\nfirst\n'));
  worker.type('sec');
  worker.type('ond\r\x04');
  t.equal((await worker.untilStatus(hasEnded)).exitCode, 0);
  t.equal(worker.output, 'first\nfirst\nsecond\nsecond\n');
  await worker.close();
});

t.test('the bundled worker starts guests by name, and keeps what is typed before it is ready', async (t) => {
  const files = [['fib', { url: pathToFileURL(findImage('fib')).href }]] as const;
  const worker = new NodeWorker(t, 'terminal', [], { files });
  worker.type('start fib 10\rstart nothing\rexit 7\r');
  t.equal((await worker.untilStatus(hasEnded)).exitCode, 7);
  t.match(worker.output, /fib\(10\) = 55\n.*nothing/s);
  await worker.close();
});

t.test('the bundled worker runs static Linux programs', async (t) => {
  const source = `#include <stdio.h>
    #include <stdlib.h>
    int main(int argc, char **argv) { return printf("%s %d %s\\n", argv[0], argc, getenv("HOME")) == 13 ? 3 : 1; }`;
  // Neither a C library nor a note says what this one is.
  const bare = '.globl _start\n_start: mov $60, %eax\nmov $4, %edi\nsyscall\n';
  const programs: [language: string, source: string, options: string[], output: string, exitCode: number][] = [
    ['c', source, ['-static-pie'], 'greeting 2 /\n', 3],
    ['assembler', bare, ['-static', '-nostdlib'], '', 4],
  ];
  for (const [language, input, options, output, exitCode] of programs) {
    const path = join(directory, 'greeting');
    execFileSync('gcc', ['-x', language, ...options, '-o', path, '-'], { input });
    const image = { bytes: readFileSync(path) };
    const worker = new NodeWorker(t, 'fib', [], { image, name: 'greeting', argv: ['greeting', 'word'] });
    t.equal((await worker.untilStatus(hasEnded)).exitCode, exitCode, language);
    t.equal(worker.output, output, language);
    await worker.close();
  }
});

t.test('Linux programs hear how large their terminal is, now and in the past', async (t) => {
  const input = `#include <signal.h>
    #include <stdio.h>
    #include <sys/ioctl.h>
    #include <unistd.h>
    static void say(int number) {
      struct winsize size;
      ioctl(1, TIOCGWINSZ, &size);
      dprintf(1, "%d %d\\n", size.ws_row, size.ws_col);
    }
    int main(void) {
      char key;
      signal(SIGWINCH, say);
      say(0);
      while (read(0, &key, 1) == 1 && key != '.')
        ;
      return 3;
    }`;
  const path = join(directory, 'sizes');
  execFileSync('gcc', ['-x', 'c', '-static', '-o', path, '-'], { input });
  const image = { bytes: readFileSync(path) };
  const given = { image, name: 'sizes', argv: ['sizes'], terminalSize: [30, 100], historyBytes: 64 * MIB } as const;
  const worker = new NodeWorker(t, 'fib', [], given);
  const says = (text: string): Promise<Report> => worker.until(() => worker.output.endsWith(text));
  await says('30 100\n');
  const sizes = [
    [41, 90],
    [24, 80],
  ] as const;
  for (const size of sizes) {
    worker.send({ kind: 'resize', size });
    await says(`${size.join(' ')}\n`);
  }
  await worker.untilStatus(({ state, outputBytes }) => state === 'waiting' && outputBytes === worker.output.length);
  worker.type('.\r');
  const { begin, end, exitCode } = await worker.untilStatus(hasEnded);
  t.equal(exitCode, 3);
  const machineHash = await worker.call('machineHash');
  for (const tick of [begin, Math.floor((begin + end) / 2)]) {
    const { count: before } = worker;
    await worker.call('goto', tick);
    // While the program waited, time has passed in leaps.
    await worker.untilStatus(({ state, ticks }) => state === 'paused' && ticks < end, before);
    // A terminal that changes now has not changed then.
    worker.send({ kind: 'resize', size: [50, 50] });
    const { count } = worker;
    worker.send({ kind: 'continue' });
    await worker.untilStatus(({ state, ticks }) => state === 'ended' && ticks === end, count);
    t.equal(await worker.call('machineHash'), machineHash, `from tick ${tick} on`);
  }
});

t.test('the bundled worker tells names of C++ as programmers write them', async (t) => {
  const input = '.globl _start\n_start: call _ZN4shop4sellEi\n.globl _ZN4shop4sellEi\n_ZN4shop4sellEi: ud2\n';
  const path = join(directory, 'shop');
  execFileSync('gcc', ['-x', 'assembler', '-static', '-nostdlib', '-o', path, '-'], { input });
  const image = { bytes: readFileSync(path) };
  const worker = new NodeWorker(t, 'fib', [], { image, name: 'shop', argv: ['shop'], pausesAtTraps: true });
  await worker.untilStatus(({ state }) => state === 'paused');
  worker.send({ kind: 'call', id: 1, method: 'execute', argument: 'backtrace' });
  const isNamed = (report: Report): boolean =>
    report.kind === 'log' && report.lines.some((line) => line.includes('sell'));
  const named = (await worker.until(isNamed)) as Extract<Report, { kind: 'log' }>;
  t.match(named.lines.join('\n'), 'shop::sell(int)');
  await worker.close();
});

t.test('the bundled worker boots kernels, which have the hashes of the library', async (t) => {
  const kernel = guestKernel();
  let output = '';
  const board = new Board({ memoryBytes: 64 * MIB, sha256, send: (byte) => (output += String.fromCharCode(byte)) });
  boot(board, { name: 'kernel', kernel, commandLine: 'word' });
  const files = { commandLine: 'word', initialDisk: undefined };
  const worker = new NodeWorker(t, 'fib', [], { image: { bytes: kernel }, name: 'kernel', boot: files });
  t.teardown(() => worker.close());
  for (const tick of [400_000, 1_000_000]) {
    // It is asked for before the machine has run to there.
    await worker.call('goto', tick);
    board.run(tick);
    t.match(await worker.untilStatus(({ ticks, state }) => ticks === tick && state === 'paused'), { isPast: false });
    t.equal(await worker.call('machineHash'), board.machineHash(), `at tick ${tick}`);
  }
  await t.rejects(worker.call('goto', 5), { message: /cannot go back/ });
  await t.rejects(worker.call('save'), { message: 'a bare machine cannot do this yet: save' });
  worker.send({ kind: 'continue' });
  const { exitCode, ticks } = await worker.untilStatus(hasEnded);
  t.strictSame(board.run(Infinity), { kind: 'exit', code: exitCode });
  t.equal(worker.output, output);
  t.strictSame(
    [ticks, await worker.call('machineHash')],
    [board.ticks, board.machineHash()],
    'idle time passes as well',
  );

  const request = { start: 0, cellBytes: 2 ** 20, count: 65 };
  const picture = (await worker.call('picture', { ...request, space: 'physical' })) as PictureOfSpace;
  t.match(picture, { ranges: [{ start: 0, end: 64 * MIB, what: 'RAM' }] });
  t.strictSame([...picture.owners], [...new Array<number>(64).fill(1), 0]);
  const { ranges } = (await worker.call('picture', { ...request, space: 'current' })) as PictureOfSpace;
  for (const { start, end } of ranges)
    for (const address of [start, end - 1])
      t.not(board.cpu.mmu.probe(highHalf(address), lowHalf(address), 0), -1, 'the processor finds what is drawn');
});

t.test('the bundled worker pauses a guest that would not end, running or waiting', async (t) => {
  for (const [name, ...words] of [['fib', '90'], ['cat']] as const) {
    const worker = new NodeWorker(t, name, words);
    await worker.untilStatus(({ state }) => state === (name === 'cat' ? 'waiting' : 'running'));
    worker.send({ kind: 'pause' });
    t.match(await worker.untilStatus(({ state }) => state === 'paused'), { isPast: false }, name);
    t.match(await worker.call('machineHash'), /^[0-9a-f]{64}$/);
    await worker.close();
  }
});

t.test('the bundled worker reports what cannot run', async (t) => {
  const cases: [given: Partial<StartOptions>, message: RegExp][] = [
    [{ image: { url: new URL('nothing', import.meta.url).href } }, /^cannot load .*\/nothing: 404 ENOENT$/],
    [{ image: { bytes: Buffer.from('text') } }, /ELF/],
    [{ image: { bytes: Buffer.from('text') }, isSnapshot: true }, /./],
    [{ memoryBytes: 5 }, /./],
    [{ boot: { commandLine: '', initialDisk: undefined } }, /^cannot boot fib: it is not a kernel that bd0 can boot/],
  ];
  for (const [given, message] of cases) {
    const worker = new NodeWorker(t, 'fib', [], given);
    t.match(await worker.until(({ kind }) => kind === 'failed'), { message });
    await worker.close();
  }
});

const machine = (number: number): string => `document.querySelectorAll('bd0-machine')[${number}]`;

/** The example: one machine ends with the hash of Node, the other one reads what is typed. */
async function testExample(t: Test, page: ChromiumPage): Promise<void> {
  await page.until("document.querySelector('output')?.textContent.startsWith('Exit code')");
  const { machineHash } = await runWithLibrary('fib', '25');
  t.match(await page.evaluate("document.querySelector('output').textContent"), `now ${machineHash}, as in Node`);
  await page.evaluate(`{
    globalThis.written = '';
    const cat = ${machine(1)};
    cat.addEventListener('console', ({ detail }) => (globalThis.written += new TextDecoder().decode(detail)));
    cat.type('<b>typed</b>\\r');
  }`);
  await page.until("globalThis.written === '<b>typed</b>\\n<b>typed</b>\\n'");
}

/** Machines of a page of its own: their hashes are those of Node, and none stalls the page. */
async function testMachines(t: Test, page: ChromiumPage): Promise<void> {
  for (const [name, argumentLine] of GUESTS) {
    const hash = await page.evaluate(`new Promise((done) => {
      const each = document.createElement('bd0-machine');
      for (const [key, value] of Object.entries({ image: '../../dist/web/images/${name}', args: '${argumentLine}', memory: '64MB' }))
        each.setAttribute(key, value);
      each.hidden = true;
      each.addEventListener('exit', () => each.machineHash().then((hash) => (each.remove(), done(hash))));
      each.addEventListener('failure', ({ detail }) => done(detail));
      document.body.append(each);
    })`);
    t.equal(hash, (await runWithLibrary(name, argumentLine)).machineHash, name);
  }
  await page.evaluate(`{
    const each = ${machine(0)};
    each.setAttribute('args', '90');
    each.addEventListener('stop', ({ detail }) => (globalThis.stopped = detail.reason));
    each.start({ url: new URL('../../dist/web/images/fib', location.href).href });
  }`);
  await page.until(`${machine(0)}.machine?.status?.state === 'running'`);
  await page.evaluate('new Promise((done) => { let left = 20; setInterval(() => --left || done(), 10); })');
  t.equal(await page.evaluate(`${machine(0)}.machine.status.state`), 'running', 'the page has not waited');
  await page.evaluate(`${machine(0)}.pause()`);
  await page.until("globalThis.stopped === 'interrupted'");
  const failure = `new Promise((done) => {
    const each = ${machine(0)};
    each.addEventListener('failure', ({ detail }) => done(detail));
    each.setAttribute('memory', 'much');
    each.start(new Uint8Array(4));
  })`;
  t.equal(await page.evaluate(failure), "'much' is not a size, such as 128MB");
}

/** Instructions after which a Linux program is compared. */
const MANY_INSTRUCTIONS = 100_000_000;

/** A Linux program that computes, and asks for the time now and then, without an end. */
function endlessLinuxProgram(): Buffer {
  const source = `
    _start: mov $1, %ebx
    1: imul $0x5851f42d, %rbx, %rbx
    lea 1(%rbx), %rbx
    mov %rbx, (%rsp)
    add -64(%rsp), %rbx
    test $0xffff, %ebx
    jne 1b
    mov $228, %eax
    xor %edi, %edi
    lea -64(%rsp), %rsi
    syscall
    jmp 1b
  `;
  const path = join(directory, 'endless');
  const options = ['-x', 'assembler', '-static', '-nostdlib', '-o', path, '-'];
  execFileSync('gcc', options, { input: `.globl _start\n${source}` });
  return readFileSync(path);
}

/** A Linux program in the page, stopped somewhere behind its first hundred million instructions, is where it is in Node. */
async function testLinux(t: Test, page: ChromiumPage): Promise<void> {
  const image = endlessLinuxProgram();
  await page.evaluate(`{
    const each = (globalThis.endless = document.createElement('bd0-machine'));
    each.hidden = true;
    each.setAttribute('name', 'endless');
    each.setAttribute('memory', '64MB');
    each.addEventListener('stop', ({ detail }) => (globalThis.stoppedAt = detail.ticks));
    document.body.append(each);
    each.start(Uint8Array.from(atob('${image.toString('base64')}'), (unit) => unit.charCodeAt(0)));
  }`);
  await page.until(`endless.machine?.status?.instructions > ${MANY_INSTRUCTIONS}`);
  await page.evaluate('endless.pause()');
  await page.until('globalThis.stoppedAt !== undefined');
  const ticks = (await page.evaluate('stoppedAt')) as number;
  const hash = await page.evaluate('endless.machineHash()');
  await page.evaluate('endless.remove()');
  const console = { write: () => {}, read: () => undefined, isTerminal: true };
  const computer = new Computer({ memoryBytes: 64 * MIB, sha256, console });
  const linux = { environment: LINUX_ENVIRONMENT };
  const program = computer.start(image, { name: 'endless', limitBytes: 2 ** 30, argv: ['endless'], linux });
  computer.run(program, { maxTicks: ticks });
  t.strictSame([computer.ticks, computer.machineHash()], [ticks, hash]);
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

t.test('machines run in Chromium', async (t) => {
  const path = findChromium();
  if (path === undefined)
    return t.comment('Chromium is not installed (apt install chromium): only Node has run the worker');
  const browser = new Chromium(path);
  t.teardown(() => browser.close());
  const page = await browser.open(`${origin}examples/browser/index.html`, 1280, 800);
  await t.test('the example', (t) => testExample(t, page));
  await t.test('several machines', (t) => testMachines(t, page));
  await t.test('a Linux program', (t) => testLinux(t, page));
  const crashed = page.send('Page.crash', {});
  await t.rejects(crashed, { message: 'the page in Chromium has crashed' }, 'a crash is reported');
});
