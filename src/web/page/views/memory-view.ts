import type { MemoryPicture, PictureRange } from '../../../debug/inspect/memory-picture.js';
import { button, element, setText, sizeText } from '../dom.js';
import { MemoryDetails } from './memory-details.js';
import { MemoryMap, ownerColour, SPACE_BYTES, stateColour, type Scheme, type Viewport } from './memory-map.js';
import { addressText, type View, type ViewHost } from './view.js';

const ZOOM = 4;
const LARGEST_CELL = 2 ** 40;
const LEGEND = [
  ['absent', 'mapped, no frame yet'],
  ['zero', 'zeros'],
  ['clean', 'clean'],
  ['shared', 'clean, shared'],
  ['private', 'private'],
  ['written', 'written lately'],
] as const;

/** The address space: all of it, down to single bytes. */
export class MemoryView implements View {
  readonly element: HTMLElement;
  private readonly map = new MemoryMap();
  private readonly title = element('p', { class: 'place' });
  private readonly details: MemoryDetails;
  private readonly list = element('ul', { class: 'ranges', 'aria-label': 'Regions' });
  private readonly dark = matchMedia('(prefers-color-scheme: dark)');
  private readonly resizing = new ResizeObserver(() => void this.refresh());
  private viewport: Viewport = { start: 0, cellBytes: LARGEST_CELL };
  private picture: MemoryPicture | undefined;
  private selected: number | undefined;
  /** Whether the map shows all that is mapped, whatever that is. */
  private isFitted = true;
  private listed = '';
  private isBusy = false;
  private isStale = false;

  constructor(private readonly host: ViewHost) {
    this.details = new MemoryDetails(host, (address) => this.show(address));
    const { canvas } = this.map;
    for (const [name, value] of Object.entries({ tabindex: '0', role: 'application', 'aria-label': MAP_LABEL }))
      canvas.setAttribute(name, value);
    canvas.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
    canvas.addEventListener('mousemove', (event) => this.select(this.addressOf(event), false));
    canvas.addEventListener('click', (event) => this.select(this.addressOf(event), true));
    canvas.addEventListener('dblclick', (event) => this.zoom(1 / ZOOM, this.addressOf(event)));
    canvas.addEventListener('keydown', (event) => this.takeKey(event));
    this.resizing.observe(canvas);
    this.element = element(
      'div',
      { class: 'memory' },
      element('div', { class: 'toolbar' }, ...this.buttons(), this.title),
      element('div', { class: 'map' }, canvas),
      this.legend(),
      this.details.element,
      this.list,
    );
  }

  async update(): Promise<void> {
    await this.refresh();
  }

  show(address: number): void {
    this.zoomTo(address - (address % 4096), address - (address % 4096) + 4096);
    this.select(address, true);
  }

  close(): void {
    this.resizing.disconnect();
  }

  private buttons(): HTMLButtonElement[] {
    return [
      button('All', { title: 'Show all 2^48 bytes' }, () => this.zoomTo(0, SPACE_BYTES)),
      button('Fit', { title: 'Show all that is mapped' }, () => this.fit()),
      button('+', { title: 'Zoom in (+)', 'aria-label': 'Zoom in' }, () => this.zoom(1 / ZOOM, this.selected)),
      button('−', { title: 'Zoom out (-)', 'aria-label': 'Zoom out' }, () => this.zoom(ZOOM, this.selected)),
    ];
  }

  private legend(): HTMLElement {
    const items = LEGEND.map(([state, text]) => {
      const colour = state === 'absent' ? ownerColour(1, this.scheme) : stateColour(state, this.scheme);
      return element('li', {}, element('i', { style: `background:${colour}` }), text);
    });
    const fronts = element('li', {}, '▶ end of a heap, ◀ of a stack');
    return element('ul', { class: 'legend', 'aria-label': 'Colours' }, ...items, fronts);
  }

  private get scheme(): Scheme {
    return this.dark.matches ? 'dark' : 'light';
  }

  /** Asks for a picture of the viewport, and draws it. */
  private async refresh(): Promise<void> {
    if (this.isBusy) {
      this.isStale = true;
      return;
    }
    this.isBusy = true;
    try {
      do {
        this.isStale = false;
        this.map.resize();
        if (this.map.canvas.clientWidth === 0) return;
        const request = { ...this.viewport, count: this.count };
        const picture = await this.host.machine.call('picture', request);
        if (this.isFitted && !this.fits(picture)) this.isStale = true;
        else this.draw(picture);
      } while (this.isStale);
    } catch {
      // The machine was closed: the next one is asked anew.
    } finally {
      this.isBusy = false;
    }
  }

  /** Cells that lie within the address space. */
  private get count(): number {
    const { start, cellBytes } = this.viewport;
    return Math.max(1, Math.min(this.map.count, Math.ceil((SPACE_BYTES - start) / cellBytes)));
  }

  /** Puts the viewport around all that programs have mapped. Returns whether it was there. */
  private fits({ ranges }: MemoryPicture): boolean {
    const own = ranges.filter(({ pid }) => pid !== 0);
    if (own.length === 0) return true;
    const before = this.viewport;
    this.viewport = this.around(own[0]!.start, Math.max(...own.map(({ end }) => end)));
    return before.start === this.viewport.start && before.cellBytes === this.viewport.cellBytes;
  }

  /** The smallest viewport that shows a range, from the start of a row on. */
  private around(start: number, end: number): Viewport {
    for (let cellBytes = 1; ; cellBytes *= 2) {
      const row = cellBytes * this.map.columns;
      const from = start - (start % row);
      if (cellBytes >= LARGEST_CELL || end - from <= cellBytes * this.map.count) return { start: from, cellBytes };
    }
  }

  private draw(picture: MemoryPicture): void {
    this.picture = picture;
    const { start, cellBytes } = picture;
    const cell = this.selected === undefined ? undefined : Math.floor((this.selected - start) / cellBytes);
    this.map.draw(picture, cell, this.scheme);
    const end = Math.min(SPACE_BYTES, start + cellBytes * picture.states.length);
    setText(this.title, `${addressText(start)} to ${addressText(end - 1)}; a square is ${sizeText(cellBytes)}`);
    this.showRanges(picture.ranges);
  }

  private showRanges(ranges: readonly PictureRange[]): void {
    const shown = JSON.stringify(ranges);
    if (shown === this.listed) return;
    this.listed = shown;
    const items = ranges.map((range) => {
      const text = `${range.what}${range.name === '' ? '' : ` of ${range.name}`}`;
      const size = sizeText(range.end - range.start);
      const swatch = element('i', { style: `background:${ownerColour(range.pid, this.scheme)}` });
      const zoom = button('', { title: `Show ${text}` }, () => this.zoomTo(range.start, range.end));
      zoom.append(
        swatch,
        element('b', {}, text),
        element('span', {}, `${range.rights} ${size}`),
        addressText(range.start),
      );
      return element('li', {}, zoom);
    });
    this.list.replaceChildren(...items);
  }

  private fit(): void {
    this.isFitted = true;
    void this.refresh();
  }

  private zoomTo(start: number, end: number): void {
    this.isFitted = false;
    this.viewport = this.around(start, end);
    void this.refresh();
  }

  /** Makes cells so many times as large, around an address. */
  private zoom(factor: number, around = this.viewport.start + (this.viewport.cellBytes * this.map.count) / 2): void {
    const { start, cellBytes } = this.viewport;
    const next = Math.min(LARGEST_CELL, Math.max(1, cellBytes * factor));
    const row = next * this.map.columns;
    const from = around - ((around - start) / cellBytes) * next;
    this.goTo(from - (from % row), next);
  }

  private goTo(start: number, cellBytes: number): void {
    this.isFitted = false;
    const row = cellBytes * this.map.columns;
    const last = Math.max(0, SPACE_BYTES - cellBytes * this.map.count);
    this.viewport = { start: Math.floor(Math.min(Math.max(0, start), last) / row) * row, cellBytes };
    void this.refresh();
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    const { start, cellBytes } = this.viewport;
    if (event.shiftKey) this.goTo(start + Math.sign(event.deltaY) * cellBytes * this.map.columns, cellBytes);
    else this.zoom(event.deltaY > 0 ? ZOOM : 1 / ZOOM, this.addressOf(event));
  }

  private addressOf({ offsetX, offsetY }: MouseEvent): number {
    const { start, cellBytes } = this.picture ?? this.viewport;
    return start + this.map.cellAt(offsetX, offsetY) * cellBytes;
  }

  private takeKey(event: KeyboardEvent): void {
    const { start, cellBytes } = this.viewport;
    const row = cellBytes * this.map.columns;
    const moves: Readonly<Record<string, number>> = {
      ...{ ArrowLeft: -cellBytes, ArrowRight: cellBytes, ArrowUp: -row, ArrowDown: row },
      ...{ PageUp: -row * this.map.rows, PageDown: row * this.map.rows },
    };
    const move = moves[event.key];
    if (move !== undefined)
      this.moveTo(Math.min(Math.max(0, (this.selected ?? start) + move), SPACE_BYTES - cellBytes));
    else if (event.key === '+' || event.key === 'Enter') this.zoom(1 / ZOOM, this.selected);
    else if (event.key === '-') this.zoom(ZOOM, this.selected);
    else if (event.key === 'Home') this.fit();
    else return;
    event.preventDefault();
  }

  private moveTo(address: number): void {
    const { start, cellBytes } = this.viewport;
    const row = cellBytes * this.map.columns;
    this.select(address, true);
    if (address < start) this.goTo(address, cellBytes);
    else if (address >= start + row * this.map.rows) this.goTo(address - row * (this.map.rows - 1), cellBytes);
  }

  /** Describes an address; one that is chosen stays. */
  private select(address: number, isChosen: boolean): void {
    if (!isChosen && this.selected !== undefined) return;
    if (isChosen) this.selected = this.selected === address ? undefined : address;
    if (isChosen && this.picture) this.draw(this.picture);
    this.details.show(address, isChosen);
  }
}

const MAP_LABEL =
  'Map of the address space. Arrow keys move, plus and minus zoom, Home shows all that is mapped; what lies there is said below.';
