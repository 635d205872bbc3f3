import type { Status } from '../protocol.js';
import { button, byId, element } from './dom.js';
import { markTab, moveFocus } from './tab-list.js';
import { Repeated } from './repeated.js';
import type { View, ViewHost } from './views/view.js';

/** A view besides the console. What draws it is loaded when it is first opened. */
interface KnownView {
  readonly name: string;
  readonly title: string;
  /** What it shows, in a few words. */
  readonly hint: string;
  load(host: ViewHost): Promise<View>;
}

const VIEWS: readonly KnownView[] = [
  {
    name: 'guide',
    title: 'Guide',
    hint: 'What there is to see and to try',
    load: async (host) => new (await import('./views/guide-view.js')).GuideView(host),
  },
  {
    name: 'memory',
    title: 'Memory',
    hint: 'A map of all addresses, down to single bytes',
    load: async (host) => new (await import('./views/memory-view.js')).MemoryView(host),
  },
  {
    name: 'vmos',
    title: 'VMOs',
    hint: 'Files and memory objects as trees of pages',
    load: async (host) => new (await import('./views/vmo-view.js')).VmoView(host),
  },
  {
    name: 'debugger',
    title: 'Debugger',
    hint: 'Source, registers and stack, now and in the past',
    load: async (host) => new (await import('./views/debugger-view.js')).DebuggerView(host),
  },
  {
    name: 'engine',
    title: 'Engine',
    hint: 'Speed, and machine code beside its WebAssembly',
    load: async (host) => new (await import('./views/engine-view.js')).EngineView(host),
  },
];

/** The views that bare machines have. */
const FOR_BARE: readonly string[] = ['console', 'guide', 'memory'];

/** Lines of the debugger that are kept while its view is closed. */
const LINES_MAX = 200;

/** The tabs of the page: the console, and one view beside it. */
export class Tabs {
  private view: View | undefined;
  private name = 'console';
  private status: Status | undefined;
  private readonly updating = new Repeated(async () => {
    if (this.view && this.status) await this.view.update(this.status);
  });
  /** The last lines of the debugger, for a view that is opened later. */
  private readonly lines: string[] = [];

  constructor(private readonly host: ViewHost) {
    const tabs = [{ name: 'console', title: 'Console', hint: 'The terminal alone' }, ...VIEWS].map((view) =>
      button(
        view.title,
        { role: 'tab', id: `tab-${view.name}`, 'aria-controls': 'view', title: view.hint },
        () => void this.open(view.name),
      ),
    );
    const list = byId('tabs');
    list.replaceChildren(...tabs);
    list.addEventListener('keydown', (event) => moveFocus(list, event));
    this.mark();
  }

  /** The name of the view that is open. */
  get current(): string {
    return this.name;
  }

  /** Offers what there is for a machine. What others have is hidden for a bare one. */
  offer(isBare: boolean): void {
    for (const tab of Array.from(byId('tabs').children) as HTMLElement[])
      tab.hidden = isBare && !FOR_BARE.includes(tab.id.replace('tab-', ''));
    if (isBare && !FOR_BARE.includes(this.name)) void this.open('console');
  }

  /** Opens a view; one that shows addresses shows the given one. */
  async open(name: string, address?: number): Promise<void> {
    const isNew = name !== this.name;
    this.name = name;
    this.mark();
    if (isNew) {
      this.view?.close?.();
      this.view = undefined;
      const known = VIEWS.find((each) => each.name === name);
      const place = byId('view');
      place.hidden = known === undefined;
      // On narrow screens other views than the guide hide the console, which would lose the focus.
      place.replaceChildren(element('p', { class: name === 'guide' ? 'loading guide' : 'loading' }, 'Loading'));
      if (!known) return;
      const view = await known.load(this.host);
      // Another tab may have been opened meanwhile.
      if (this.name !== name) return view.close?.();
      this.view = view;
      place.setAttribute('aria-label', known.title);
      place.replaceChildren(view.element);
      view.log?.(this.lines);
    }
    if (address !== undefined) this.view?.show?.(address);
    await this.update(this.status);
  }

  /** Shows the machine as it is now. */
  async update(status: Status | undefined): Promise<void> {
    this.status = status;
    await this.updating.run();
  }

  /** Gives a file to the view that is open. Returns whether it takes files. */
  async take(file: File): Promise<boolean> {
    if (!this.view?.addFile) return false;
    await this.view.addFile(file);
    return true;
  }

  log(lines: readonly string[]): void {
    this.lines.push(...lines);
    this.lines.splice(0, this.lines.length - LINES_MAX);
    this.view?.log?.(lines);
  }

  private mark(): void {
    for (const tab of Array.from(byId('tabs').children)) {
      markTab(tab, tab.id === `tab-${this.name}`);
    }
  }
}
