import type { MemoryPicture } from '../../../debug/inspect/memory-picture.js';
import type { PictureOfSpace } from '../../machine/memory-methods.js';
import { button, element, setText, sizeText } from '../dom.js';
import { Repeated } from '../repeated.js';
import { MemoryDetails } from './memory-details.js';
import { MemoryLegend } from './memory-legend.js';
import { Look } from './look.js';
import { MemoryMap, SPACE_BYTES, type Viewport } from './memory-map.js';
import { RangeList } from './range-list.js';
import { SpaceChooser } from './space-chooser.js';
import { addressText, type View, type ViewHost } from './view.js';

const ZOOM = 4;
const LARGEST_CELL = 2 ** 40;
/** The address space: all of it, down to single bytes. */
export class MemoryView implements View {
  readonly element: HTMLElement;
  private readonly map = new MemoryMap();
  private readonly title = element('p', { class: 'place' });
  private readonly details: MemoryDetails;
  private readonly legend = new MemoryLegend();
  private readonly spaces = new SpaceChooser(() => this.changeSpace());
  private readonly ranges = new RangeList((start, end) => this.zoomTo(start, end));
  private readonly refreshing = new Repeated(() => this.refreshOnce());
  private readonly look = new Look(this.map.canvas, () => void this.refreshing.run());
  private viewport: Viewport = { start: 0, cellBytes: LARGEST_CELL };
  private picture: PictureOfSpace | undefined;
  private selected: number | undefined;
  /** Whether the map shows all that is mapped, whatever that is. */
  private isFitted = true;

  constructor(private readonly host: ViewHost) {
    this.details = new MemoryDetails(host, this.spaces, (address) => this.show(address));
    const { canvas } = this.map;
    for (const [name, value] of Object.entries({ tabindex: '0', role: 'application', 'aria-label': MAP_LABEL }))
      canvas.setAttribute(name, value);
    canvas.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
    canvas.addEventListener('mousemove', (event) => this.select(this.addressOf(event), false));
    canvas.addEventListener('click', (event) => this.select(this.addressOf(event), true));
    canvas.addEventListener('dblclick', (event) => this.zoom(1 / ZOOM, this.addressOf(event)));
    canvas.addEventListener('keydown', (event) => this.takeKey(event));
    this.element = element(
      'div',
      { class: 'memory' },
      element('div', { class: 'toolbar' }, this.spaces.element, ...this.buttons(), this.title),
      element('div', { class: 'map' }, canvas),
      this.legend.element,
      this.details.element,
      this.ranges.element,
    );
  }

  async update(): Promise<void> {
    await this.refreshing.run();
  }

  show(address: number): void {
    this.zoomTo(address - (address % 4096), address - (address % 4096) + 4096);
    this.select(address, true);
  }

  close(): void {
    this.look.close();
  }

  private buttons(): HTMLButtonElement[] {
    return [
      button('All', { title: 'Show all 2^48 bytes' }, () => this.zoomTo(0, SPACE_BYTES)),
      button('Fit', { title: 'Show all that is mapped' }, () => this.fit()),
      button('+', { title: 'Zoom in (+)', 'aria-label': 'Zoom in' }, () => this.zoom(1 / ZOOM, this.selected)),
      button('−', { title: 'Zoom out (-)', 'aria-label': 'Zoom out' }, () => this.zoom(ZOOM, this.selected)),
    ];
  }

  private changeSpace(): void {
    this.selected = undefined;
    this.details.clear();
    this.fit();
  }

  /** Asks for a picture of the viewport, and draws it. */
  private async refreshOnce(): Promise<void> {
    this.map.resize();
    if (this.map.canvas.clientWidth === 0) return;
    const request = { ...this.viewport, count: this.count, space: this.spaces.space };
    const picture = await this.host.machine.call('picture', request);
    this.spaces.offer(picture.spaces);
    const isShown = picture.spaces === undefined || this.spaces.space === request.space;
    if (!isShown || (this.isFitted && !this.fits(picture))) void this.refreshing.run();
    else this.draw(picture);
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

  private draw(picture: PictureOfSpace): void {
    this.picture = picture;
    this.legend.show(picture, this.look.scheme);
    this.ranges.show(picture.ranges, this.look.scheme);
    const { start, cellBytes } = picture;
    const cell = this.selected === undefined ? undefined : Math.floor((this.selected - start) / cellBytes);
    this.map.draw(picture, cell, this.look.scheme);
    const end = Math.min(SPACE_BYTES, start + cellBytes * picture.states.length);
    setText(this.title, `${addressText(start)} to ${addressText(end - 1)}; a square is ${sizeText(cellBytes)}`);
  }

  private fit(): void {
    this.isFitted = true;
    void this.refreshing.run();
  }

  private zoomTo(start: number, end: number): void {
    this.isFitted = false;
    this.viewport = this.around(start, end);
    void this.refreshing.run();
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
    void this.refreshing.run();
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
