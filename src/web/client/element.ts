import type { Content, StopKind } from '../protocol.js';
import { MachineClient } from './machine-client.js';
import type { TerminalPane } from './terminal.js';
import { wordsOf } from './words.js';

/** What an event `stop` tells. */
export interface StopDetail {
  readonly reason: StopKind;
  readonly ticks: number;
}

/** What an event `exit` tells. */
export interface ExitDetail {
  readonly exitCode: number | undefined;
  readonly ticks: number;
}

/** The events of a `<bd0-machine>`; each is a CustomEvent with this as its detail. */
export interface MachineElementEvents {
  /** Bytes that the program has written. */
  readonly console: Uint8Array;
  /** The machine stands: a trap, a breakpoint, or `pause`. */
  readonly stop: StopDetail;
  /** The program has ended. */
  readonly exit: ExitDetail;
  /** The machine cannot start or go on; the detail says why. */
  readonly failure: string;
}

const MIB = 2 ** 20;
const DEFAULT_MEMORY_BYTES = 128 * MIB;
const DEFAULT_LIMIT_BYTES = 2 ** 30;
const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: MIB, G: 2 ** 30, T: 2 ** 40 };

/** The bytes that `128MB` or `2G` stand for. Throws RangeError. */
export function parseBytes(text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?$/i.exec(text.trim()) ?? [];
  const bytes = Number(digits) * (UNITS[(unit ?? '').toUpperCase()] ?? NaN);
  if (!Number.isSafeInteger(bytes)) throw new RangeError(`'${text}' is not a size, such as 128MB`);
  return bytes;
}

const STYLE = ':host { display: block; height: 20rem; overflow: hidden } div { height: 100% }';

// The module can be loaded where there are no elements: in Node, for its types, or by a server that renders pages.
const Base = globalThis.HTMLElement ?? (class {} as typeof HTMLElement);

/**
 * `<bd0-machine image="hello" args="one two" memory="128MB" limit="1GB" history="64MB">`: a machine that runs an image when it is
 * connected to a page, and shows its console, unless it has the attribute `hidden`. With `boot`, the image is a kernel for a bare
 * machine: `<bd0-machine boot image="vmlinuz" initrd="disk.cpio" append="console=ttyS0">`.
 */
export class MachineElement extends Base {
  private client: MachineClient | undefined;
  private terminal: TerminalPane | undefined;
  private given: readonly [name: string, content: Content][] = [];

  /** The machine that runs; undefined before it is connected. */
  get machine(): MachineClient | undefined {
    return this.client;
  }

  /** Files that the program finds by name: bytes, or URLs. To be set before the element is connected. */
  set files(files: Readonly<Record<string, Uint8Array | string>>) {
    this.given = Object.entries(files).map(([name, content]) => [
      name,
      typeof content === 'string' ? { url: absolute(content) } : { bytes: content },
    ]);
  }

  connectedCallback(): void {
    if (this.hasAttribute('image')) void this.start({ url: absolute(this.getAttribute('image')!) });
  }

  disconnectedCallback(): void {
    this.client?.close();
    this.terminal?.close();
    this.client = this.terminal = undefined;
  }

  /** Runs an image, in the place of what runs. */
  async start(image: Uint8Array | Content): Promise<void> {
    const content = image instanceof Uint8Array ? { bytes: image } : image;
    this.client?.close();
    this.client = undefined;
    if (!this.hidden) await this.show();
    if (!this.isConnected) return;
    try {
      this.client = this.makeClient(content);
    } catch (error) {
      this.tell('failure', error instanceof Error ? error.message : String(error));
      return;
    }
    this.listen(this.client);
    this.terminal?.attach(this.client);
  }

  /** Types text at the console. */
  type(text: string): void {
    this.client?.type(text);
  }

  pause(): void {
    this.client?.pause();
  }

  continue(): void {
    this.client?.continue();
  }

  /** The hash over all state of the machine, which Node computes for the same run: 64 hexadecimal digits. */
  machineHash(): Promise<string> {
    return this.client?.call('machineHash', undefined) ?? Promise.reject(new Error('there is no machine'));
  }

  override addEventListener<Name extends keyof MachineElementEvents>(
    name: Name,
    listener: (event: CustomEvent<MachineElementEvents[Name]>) => void,
    options?: AddEventListenerOptions | boolean,
  ): void;
  override addEventListener(
    name: string,
    listener: EventListenerOrEventListenerObject,
    options?: AddEventListenerOptions | boolean,
  ): void;
  override addEventListener(name: string, listener: never, options?: AddEventListenerOptions | boolean): void {
    super.addEventListener(name, listener, options);
  }

  private makeClient(image: Content): MachineClient {
    const size = (attribute: string, standard: number): number => {
      const text = this.getAttribute(attribute);
      return text === null ? standard : parseBytes(text);
    };
    const name = this.getAttribute('name') ?? ('url' in image ? lastPart(image.url) : 'program');
    const initrd = this.getAttribute('initrd');
    const boot = this.hasAttribute('boot') && {
      commandLine: this.getAttribute('append') ?? '',
      initialDisk: initrd === null ? undefined : { url: absolute(initrd) },
      disks: (this.getAttribute('disks') ?? '')
        .split(/\s+/)
        .filter((url) => url !== '')
        .map((url) => ({ url: absolute(url) })),
    };
    const words = wordsOf(this.getAttribute('args') ?? '');
    return new MachineClient({
      ...{ image, name, argv: [name, ...words], files: this.given },
      ...(boot && { boot }),
      memoryBytes: size('memory', DEFAULT_MEMORY_BYTES),
      limitBytes: size('limit', DEFAULT_LIMIT_BYTES),
      historyBytes: size('history', 0),
      terminalSize: this.terminal?.size,
      pausesAtTraps: this.hasAttribute('pauses-at-traps'),
    });
  }

  private listen(client: MachineClient): void {
    let last = '';
    client.on('output', ({ bytes }) => {
      this.tell('console', bytes);
      if (!this.terminal) client.shown(bytes.length);
    });
    client.on('failed', (message) => this.tell('failure', message));
    client.on('status', ({ state, stop, exitCode, ticks }) => {
      const now = `${state} ${ticks}`;
      if (now === last) return;
      last = now;
      if (state === 'paused') this.tell('stop', { reason: stop ?? 'interrupted', ticks });
      if (state === 'ended') this.tell('exit', { exitCode, ticks });
    });
  }

  /** Loads the terminal, and puts it into the element. */
  private async show(): Promise<void> {
    if (this.terminal) return;
    const root = this.shadowRoot ?? this.attachShadow({ mode: 'open' });
    const place = document.createElement('div');
    const [style, link] = [document.createElement('style'), document.createElement('link')];
    style.textContent = STYLE;
    link.rel = 'stylesheet';
    link.href = new URL('./xterm.css', import.meta.url).href;
    root.replaceChildren(style, link, place);
    const [{ TerminalPane }] = await Promise.all([import('./terminal.js'), loaded(link)]);
    if (this.isConnected) this.terminal ??= new TerminalPane(place, this.getAttribute('aria-label') ?? 'Console');
  }

  private tell<Name extends keyof MachineElementEvents>(name: Name, detail: MachineElementEvents[Name]): void {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

function absolute(url: string): string {
  return new URL(url, document.baseURI).href;
}

function lastPart(url: string): string {
  return decodeURIComponent(new URL(url).pathname.split('/').at(-1) || 'program');
}

/** Resolves when a style sheet is there, or cannot be loaded. */
function loaded(link: HTMLLinkElement): Promise<void> {
  return new Promise((done) => {
    link.onload = link.onerror = () => done();
  });
}
