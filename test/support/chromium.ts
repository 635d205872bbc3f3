/** Chromium without a window, driven over a pipe by the Chrome DevTools Protocol: JSON messages that a zero byte ends. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { ProcessGroup } from './process-group.js';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

const OPTIONS = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-quic'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-extensions'],
  ...['--no-proxy-server', '--remote-debugging-pipe'],
];

/** The path of an installed Chromium; undefined if there is none. */
export function findChromium(): string | undefined {
  const directories = (process.env['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '');
  return directories
    .flatMap((directory) => NAMES.map((name) => join(directory, name)))
    .find((path) => existsSync(path));
}

interface Reply {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

interface Waiting {
  readonly done: (result: Readonly<Record<string, unknown>>) => void;
  readonly failed: (error: Error) => void;
}

/** Events that end the tests: the page is no longer there to answer. */
const LOSSES: Readonly<Record<string, string>> = {
  'Inspector.targetCrashed': 'the page in Chromium has crashed',
  'Target.targetCrashed': 'the page in Chromium has crashed',
  'Target.detachedFromTarget': 'the page in Chromium was closed',
};

/** Milliseconds between two looks at the browser while it owes a reply. */
const LOOK_MS = 500;

/** CPU seconds of the browser, while it owes a reply, that no test comes near. */
const CPU_SECONDS_MAX = 400;

/** How often `until` looks at a page, at intervals of 20 ms at the least: no test comes near that. */
const PAGE_LOOKS_MAX = 15_000;

/**
 * A browser of its own, with a new profile. It must be closed, also if a test fails. It may take any time to reply, but
 * messages fail once it has ended, closed its pipe, lost the page, or waits for something else than the processor or a disk.
 */
export class Chromium {
  private readonly profile = mkdtempSync(join(tmpdir(), 'bd0-chromium-'));
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, Waiting>();
  private readonly workers: ChromiumPage[] = [];
  private readonly ended: Promise<unknown>;
  private readonly kill: () => void;
  private watching: NodeJS.Timeout | undefined;
  private messages = 0;
  private replies = 0;
  private failure: Error | undefined;

  constructor(
    path: string,
    private readonly lookMs = LOOK_MS,
  ) {
    const words = [...OPTIONS, `--user-data-dir=${this.profile}`, 'about:blank'];
    const stdio = ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] as const;
    // A group of its own, so that all its processes can be ended at once. Its files go to the profile, which is removed.
    const env = { ...process.env, HOME: this.profile, TMPDIR: this.profile, NODE_OPTIONS: '' };
    this.child = spawn(path, words, { stdio: [...stdio], detached: true, env });
    this.ended = Promise.race([once(this.child, 'exit'), once(this.child, 'error')]);
    this.ended.catch(() => {}).then(() => this.fail('Chromium has ended, or closed its debugging pipe'));
    this.kill = () => {
      try {
        if (this.child.pid !== undefined) process.kill(-this.child.pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    };
    process.once('exit', this.kill);
    (this.child.stdio[3] as Writable).on('error', () => {});
    let text = '';
    const replies = (this.child.stdio[4] as Readable).setEncoding('utf8');
    replies.on('data', (part: string) => {
      const messages = (text + part).split('\0');
      text = messages.pop()!;
      for (const message of messages) this.receive(message);
    });
    replies.on('close', () => this.fail('Chromium has ended, or closed its debugging pipe'));
    this.watch();
  }

  /** Looks now and then whether the browser is at work on the reply that it owes. */
  private watch(): void {
    const group = new ProcessGroup(this.child.pid ?? 0);
    let lastReplies = this.replies;
    let cpuBefore = 0;
    this.watching = setInterval(() => {
      const owesNothing = this.waiting.size === 0 || this.replies !== lastReplies;
      const isIdle = group.isIdle(owesNothing);
      lastReplies = this.replies;
      if (owesNothing) cpuBefore = group.cpuSeconds;
      if (isIdle) this.fail('Chromium does nothing, and does not reply');
      if (group.cpuSeconds - cpuBefore > CPU_SECONDS_MAX) this.fail('Chromium computes, and does not reply');
    }, this.lookMs);
    this.watching.unref();
  }

  /** Opens a page of the given size, in pixels. */
  async open(url: string, width: number, height: number): Promise<ChromiumPage> {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new ChromiumPage((method, parameters) => this.send(method, parameters, sessionId as string));
    await page.resize(width, height);
    for (const domain of ['Runtime', 'Inspector']) await page.send(`${domain}.enable`, {});
    await page.send('Page.navigate', { url });
    return page;
  }

  /** The workers of a page; its service worker is none of them. */
  async workersOf(page: ChromiumPage): Promise<readonly ChromiumPage[]> {
    this.workers.length = 0;
    await page.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: false, flatten: true });
    return [...this.workers];
  }

  /** Ends the browser, and removes its profile. */
  async close(): Promise<void> {
    clearInterval(this.watching);
    this.kill();
    await this.ended.catch(() => {});
    process.off('exit', this.kill);
    // Its processes end one after another, and may still write.
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  private send(method: string, params: object, sessionId?: string): Promise<Readonly<Record<string, unknown>>> {
    if (this.failure) return Promise.reject(this.failure);
    const id = ++this.messages;
    const sent = new Promise<Readonly<Record<string, unknown>>>((done, failed) =>
      this.waiting.set(id, { done, failed }),
    );
    (this.child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return sent;
  }

  private receive(message: string): void {
    let reply: Reply;
    try {
      reply = JSON.parse(message) as Reply;
    } catch {
      return this.fail(`Chromium sends what is not JSON: ${message.slice(0, 100)}`);
    }
    const { id, result, error, method, params } = reply;
    this.replies++;
    if (method !== undefined && Object.hasOwn(LOSSES, method)) return this.fail(LOSSES[method]!);
    if (method === 'Target.attachedToTarget')
      this.addWorker(params as { sessionId: string; targetInfo: { type: string } });
    if (method === 'Runtime.exceptionThrown') return this.fail(`the page throws: ${JSON.stringify(params)}`);
    const waiting = id === undefined ? undefined : this.waiting.get(id);
    if (!waiting) return;
    this.waiting.delete(id!);
    if (error) waiting.failed(new Error(error.message));
    else waiting.done(result!);
  }

  private addWorker({ sessionId, targetInfo }: { sessionId: string; targetInfo: { type: string } }): void {
    if (targetInfo.type !== 'worker') return;
    this.workers.push(new ChromiumPage((method, parameters) => this.send(method, parameters, sessionId)));
  }

  /** Everything that is sent fails from now on, as does what was sent and has no reply. */
  private fail(message: string): void {
    this.failure ??= new Error(message);
    for (const { failed } of this.waiting.values()) failed(this.failure);
    this.waiting.clear();
  }
}

/** What a page shows, as text, with the console of the page of `bd0 web`. */
const SHOWN =
  '[document.title, document.body?.innerText, globalThis.bd0?.terminal?.content].join("\\n").slice(0, 4000)';

/** A page of a browser, or a worker of one, which can only `evaluate`. */
export class ChromiumPage {
  /** `send` calls a method of the protocol. */
  constructor(readonly send: (method: string, parameters: object) => Promise<Readonly<Record<string, unknown>>>) {}

  async resize(width: number, height: number): Promise<void> {
    const metrics = { width, height, deviceScaleFactor: 1, mobile: false };
    await this.send('Emulation.setDeviceMetricsOverride', metrics);
  }

  /** The value of an expression in the page, a promise's once it is fulfilled. Throws if the expression does. */
  async evaluate(expression: string): Promise<unknown> {
    const options = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = (await this.send('Runtime.evaluate', options)) as {
      result: { value?: unknown };
      exceptionDetails?: { text: string; exception?: { description?: string } };
    };
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /**
   * Waits until an expression is true in the page, and returns its value. The page may be loading. Throws if it is still not true
   * when the page has answered very often.
   */
  async until(expression: string): Promise<unknown> {
    for (let look = 0; look < PAGE_LOOKS_MAX; look++) {
      const value = await this.evaluate(expression).catch((error: Error) => {
        // A navigation ends what is being evaluated, and before it the page has none of its elements.
        if (!/navigat|context|null/i.test(error.message)) throw error;
      });
      if (value) return value;
      await new Promise((done) => setTimeout(done, 20));
    }
    throw new Error(`the page never has ${expression}: it shows ${JSON.stringify(await this.evaluate(SHOWN))}`);
  }

  /** Types characters and keys, such as Enter, into what has the focus. */
  async press(key: string, text?: string): Promise<void> {
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', key, ...(text !== undefined && { text }) });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', key });
  }

  /** A picture of what the page shows, as PNG. */
  async screenshot(): Promise<Uint8Array> {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(data as string, 'base64');
  }
}
