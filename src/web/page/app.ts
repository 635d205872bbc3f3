import { parseBytes } from '../client/element.js';
import { MachineClient } from '../client/machine-client.js';
import { TerminalPane } from '../client/terminal.js';
import type { Content, Status } from '../protocol.js';
import { button, byId, element, grouped, setText } from './dom.js';
import { imageContent, siteImages, type SiteFiles } from './site.js';
import { TimelineBar } from './timeline-bar.js';

const MEMORY = '128MB';
const LIMIT = '1GB';
const HISTORY_BYTES = 192 * 2 ** 20;
const SHELL = 'terminal';

/** A program to run. */
export interface Program {
  readonly name: string;
  readonly image: Content;
  readonly args: readonly string[];
}

/** What the page shows around the console. */
export class App {
  readonly terminal: TerminalPane;
  private readonly timeline = new TimelineBar(byId('timeline'));
  private readonly picker = element('input', { type: 'file', hidden: true, 'aria-hidden': 'true' });
  private client: MachineClient | undefined;
  private program: Program | undefined;

  constructor(private readonly site: SiteFiles) {
    this.terminal = new TerminalPane(byId('terminal'), 'Console');
    this.picker.addEventListener('change', () => {
      const file = this.picker.files?.[0];
      if (file) void this.open(file);
      this.picker.value = '';
    });
    byId('actions').replaceChildren(
      this.picker,
      button('Open…', { title: 'Run a program from a file' }, () => this.picker.click()),
      button('Restart', { title: 'Start again from the beginning' }, () => this.program && this.start(this.program)),
    );
    listenForDrops((file) => void this.open(file));
    document.addEventListener('keydown', (event) => this.takeKey(event));
  }

  /** The machine that is shown. */
  get machine(): MachineClient | undefined {
    return this.client;
  }

  /** The program that the address of the page asks for: `?run=fib&args=30&memory=64MB`; the shell otherwise. */
  programOfAddress(): Program {
    const parameters = new URLSearchParams(location.search);
    const name = parameters.get('run');
    if (name === null) return this.shell();
    const args = (parameters.get('args') ?? '').split(' ').filter((word) => word !== '');
    return { name, image: imageContent(name), args };
  }

  /** Starts a program in a new machine. */
  start(program: Program): void {
    this.client?.close();
    this.program = program;
    const { name, image, args } = program;
    const parameters = new URLSearchParams(location.search);
    const client = new MachineClient({
      ...{ image, name, argv: [name, ...args], files: siteImages(this.site) },
      memoryBytes: parseBytes(parameters.get('memory') ?? MEMORY),
      limitBytes: parseBytes(parameters.get('limit') ?? LIMIT),
      historyBytes: HISTORY_BYTES,
      pausesAtTraps: true,
    });
    this.client = client;
    document.title = `${name} – bd0`;
    this.terminal.attach(client);
    this.timeline.attach(client);
    client.on('status', (status) => this.showStatus(status));
    client.on('failed', (message) => this.fail(message));
    this.say('starting', `Starting ${name}`);
    this.terminal.focus();
  }

  /** Says what went wrong. */
  fail(message: string): void {
    this.say('failed', message);
  }

  private shell(): Program {
    const { columns } = this.terminal;
    return { name: SHELL, image: imageContent(SHELL), args: columns === 80 ? ['-i'] : ['-i', String(columns)] };
  }

  /** Runs a file: what is not a program is reported. */
  private async open(file: File): Promise<void> {
    const bytes = new Uint8Array(await file.arrayBuffer());
    if (![0x7f, 0x45, 0x4c, 0x46].every((byte, at) => bytes[at] === byte))
      return this.fail(`${file.name} is no ELF program: bd0 runs programs for x86-64`);
    this.start({ name: file.name.slice(0, 63), image: { bytes }, args: [] });
  }

  private showStatus(status: Status): void {
    this.say(status.isPast ? 'paused' : status.state, stateText(status));
  }

  private say(state: string, text: string): void {
    const place = byId('state');
    place.dataset['state'] = state;
    place.title = text;
    setText(place, text);
  }

  private takeKey(event: KeyboardEvent): void {
    if (event.ctrlKey && event.key === '.') this.timeline.pauseOrGoOn();
    else if (event.key === 'F6') byId('toggle').focus();
    else return;
    event.preventDefault();
  }
}

/** What a machine is doing, in words. */
function stateText({ state, stop, exitCode, mips, isPast, ticks, end }: Status): string {
  if (isPast) return `In the past, ${grouped(end - ticks)} ticks ago`;
  if (state === 'running') return mips > 0 ? `Running, ${grouped(mips)} MIPS` : 'Running';
  if (state === 'waiting') return 'Waiting';
  if (state === 'ended')
    return exitCode === undefined ? 'Deadlock: every thread waits for another' : `Ended, exit code ${exitCode}`;
  const reasons: Readonly<Record<string, string>> = {
    trapped: 'Trap',
    breakpoint: 'At a breakpoint',
    watchpoint: 'At a watchpoint',
  };
  return reasons[stop ?? ''] ?? 'Paused';
}

function listenForDrops(take: (file: File) => void): void {
  const sign = byId('drop');
  const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;
  window.addEventListener('dragover', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    sign.hidden = false;
  });
  window.addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) sign.hidden = true;
  });
  window.addEventListener('drop', (event) => {
    event.preventDefault();
    sign.hidden = true;
    const file = event.dataTransfer?.files[0];
    if (file) take(file);
  });
}
