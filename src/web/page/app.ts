import { parseBytes } from '../client/element.js';
import { MachineClient } from '../client/machine-client.js';
import { TerminalPane } from '../client/terminal.js';
import type { Status } from '../protocol.js';
import { Consoles } from './consoles.js';
import { goToArea } from './areas.js';
import { ArgumentsRow } from './arguments-row.js';
import { button, byId, element, grouped, setText } from './dom.js';
import { keepMachine, keptMachine } from './kept-machines.js';
import { programOfAddress, programOfFiles, SAVED, type Program } from './program.js';
import { startPageWorker } from './page-worker.js';
import { imageContent, siteImages, type SiteFiles } from './site.js';
import { Tabs } from './tabs.js';
import { SourceTexts } from './views/source-text.js';
import { TimelineBar } from './timeline-bar.js';

const MEMORY = '128MB';
const BARE_MEMORY = '256MB';
const LIMIT = '1GB';
const HISTORY_BYTES = 192 * 2 ** 20;
const SHELL = 'terminal';
/** A message about a failure is not replaced before it can be read. */
const READING_MS = 5000;

/** Files that are sources of programs, and no programs. */
const SOURCE = /\.(c|h|cc|cpp|cxx|hpp|s|S)$/;

/** What the page shows around the console. */
export class App {
  readonly terminal: TerminalPane;
  private readonly consoles: Consoles;
  private readonly words = new ArgumentsRow((program) => this.start(program));
  private readonly timeline = new TimelineBar(byId('timeline'));
  readonly tabs: Tabs;
  private readonly picker = element('input', { type: 'file', multiple: true, hidden: true, 'aria-hidden': 'true' });
  private readonly sources: SourceTexts;
  private client: MachineClient | undefined;
  private program: Program | undefined;
  /** The time until which a message stays. */
  private readUntil = 0;

  constructor(private readonly site: SiteFiles) {
    this.terminal = new TerminalPane(byId('terminal'), 'Console');
    this.consoles = new Consoles(this.terminal);
    this.sources = new SourceTexts(site.sources);
    const machineOf = (): MachineClient => this.client!;
    this.tabs = new Tabs({
      get machine() {
        return machineOf();
      },
      sources: this.sources,
      fail: (message) => this.fail(message),
      open: (name, address) => void this.tabs.open(name, address),
      shell: (command) => this.typeAtShell(command),
      openFiles: () => this.picker.click(),
    });
    this.picker.addEventListener('change', () => {
      void this.open(Array.from(this.picker.files ?? []));
      this.picker.value = '';
    });
    byId('actions').replaceChildren(
      this.picker,
      button('Open…', { title: 'Run a program, a kernel with its initial RAM disk, or a saved machine' }, () =>
        this.picker.click(),
      ),
      button('Save', { title: 'Save the machine to a file' }, () => void this.save()),
      button('Keep', { title: 'Keep the machine in this browser' }, () => void this.keep()),
      button('Return', { title: 'Resume the machine that was kept' }, () => void this.takeKept()),
      button('Restart', { title: 'Start again from the beginning' }, () => this.program && this.start(this.program)),
    );
    listenForDrops((files) => void this.open(files));
    document.addEventListener('keydown', (event) => this.takeKey(event));
  }

  /** The machine that is shown. */
  get machine(): MachineClient | undefined {
    return this.client;
  }

  /** Starts what the address of the page asks for; a guide is beside the shell. */
  startFirst(): void {
    const program = programOfAddress(location);
    if (!program) void this.tabs.open('guide');
    this.start(program ?? this.shell());
  }

  /** Starts a program in a new machine. */
  start(program: Program): void {
    this.client?.close();
    this.program = program;
    this.words.show(program.name === SHELL ? undefined : program);
    const { name, image, args, isSnapshot = false, boot } = program;
    const parameters = new URLSearchParams(location.search);
    const options = {
      ...{ image, isSnapshot, name, boot, argv: [name, ...args], files: siteImages(this.site) },
      memoryBytes: parseBytes(parameters.get('memory') ?? (boot ? BARE_MEMORY : MEMORY)),
      limitBytes: parseBytes(parameters.get('limit') ?? LIMIT),
      historyBytes: HISTORY_BYTES,
      terminalSize: this.terminal.size,
      pausesAtTraps: true,
    };
    const client = new MachineClient(options, startPageWorker);
    this.client = client;
    document.title = `${name} – bd0`;
    this.terminal.attach(client);
    this.consoles.attach(client);
    this.timeline.attach(client);
    this.tabs.offer(boot !== undefined);
    client.on('status', (status) => this.showStatus(status));
    client.on('log', (lines) => this.tabs.log(lines));
    client.on('failed', (message) => this.fail(message));
    this.readUntil = 0;
    this.say('starting', `Starting ${name}`);
    this.terminal.focus();
  }

  /** Says what went wrong, for a while. */
  fail(message: string): void {
    this.say('failed', message);
    this.readUntil = performance.now() + READING_MS;
  }

  /** Says that something was done. */
  private tell(message: string): void {
    this.say('told', message);
    this.readUntil = performance.now() + READING_MS;
  }

  private shell(): Program {
    const [, columns] = this.terminal.size;
    return { name: SHELL, image: imageContent(SHELL), args: columns === 80 ? ['-i'] : ['-i', String(columns)] };
  }

  private typeAtShell(command: string): MachineClient {
    const isShell = this.program?.name === SHELL && this.client?.status?.state !== 'ended';
    if (!isShell) this.start(this.shell());
    const machine = this.client!;
    // A machine in its past goes on from there.
    if (machine.status?.state === 'paused') machine.continue();
    machine.type(`${command}\r`);
    return machine;
  }

  /** Runs what files have, or gives the file to the view that is open: anything else is reported. */
  private async open(files: readonly File[]): Promise<void> {
    const [file] = files;
    if (!file || (await this.tabs.take(file).catch(() => false))) return;
    if (SOURCE.test(file.name)) return this.addSource(file);
    try {
      this.start(await programOfFiles(files, location));
    } catch (error) {
      this.fail((error as Error).message);
    }
  }

  /** Saves the machine to a file, as a canonical stream. */
  private async save(): Promise<void> {
    const stream = await this.stream();
    if (!stream) return;
    const link = element('a', { download: `${this.program?.name ?? 'machine'}${SAVED}` });
    link.href = URL.createObjectURL(new Blob([stream as Uint8Array<ArrayBuffer>]));
    link.click();
    URL.revokeObjectURL(link.href);
  }

  private async keep(): Promise<void> {
    const stream = await this.stream();
    if (!stream) return;
    await keepMachine({ name: this.program?.name ?? 'machine', stream }).then(
      () => this.tell('Kept in this browser'),
      (error: Error) => this.fail(error.message),
    );
  }

  private async takeKept(): Promise<void> {
    try {
      const kept = await keptMachine();
      if (!kept) return this.fail('no machine has been kept in this browser yet');
      this.start({ name: kept.name, image: { bytes: kept.stream }, args: [], isSnapshot: true });
    } catch (error) {
      this.fail((error as Error).message);
    }
  }

  /** The machine as it is now; undefined if it cannot be saved, which is reported. */
  private async stream(): Promise<Uint8Array | undefined> {
    try {
      return await this.client?.call('save', undefined);
    } catch (error) {
      this.fail((error as Error).message);
      return undefined;
    }
  }

  /** A source file is shown where debug information names one like it. */
  private async addSource(file: File): Promise<void> {
    this.sources.add(file.name, await file.text());
    await this.tabs.open('debugger');
  }

  private showStatus(status: Status): void {
    if (performance.now() >= this.readUntil) this.say(status.isPast ? 'paused' : status.state, stateText(status));
    void this.tabs.update(status);
    if (status.stop === 'trapped' && status.state === 'paused' && !status.isPast && this.tabs.current !== 'debugger')
      void this.tabs.open('debugger');
  }

  private say(state: string, text: string): void {
    const place = byId('state');
    place.dataset['state'] = state;
    place.title = text;
    setText(place, text);
  }

  private takeKey(event: KeyboardEvent): void {
    if (event.ctrlKey && event.key === '.') this.timeline.pauseOrGoOn();
    else if (event.key === 'F6') goToArea(event.shiftKey ? -1 : 1, () => this.consoles.focus());
    else return;
    event.preventDefault();
  }
}

/** What a machine is doing, in words. */
function stateText({ state, stop, exitCode, note, mips, isPast, ticks, end }: Status): string {
  if (note !== undefined) return note;
  if (isPast) return `In the past, ${grouped(end - ticks)} ticks ago`;
  if (state === 'running') return mips > 0 ? `Running, ${grouped(mips)} MIPS` : 'Running';
  if (state === 'waiting') return 'Waiting';
  if (state === 'ended')
    return exitCode === undefined ? 'Deadlock: every thread is waiting for another' : `Ended, exit code ${exitCode}`;
  const reasons: Readonly<Record<string, string>> = {
    trapped: 'Trap',
    breakpoint: 'At a breakpoint',
    watchpoint: 'At a watchpoint',
  };
  return reasons[stop ?? ''] ?? 'Paused';
}

function listenForDrops(take: (files: readonly File[]) => void): void {
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
    take(Array.from(event.dataTransfer?.files ?? []));
  });
}
