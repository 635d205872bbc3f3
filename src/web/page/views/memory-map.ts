import type { MemoryPicture } from '../../../debug/inspect/memory-picture.js';

/** All addresses. */
export const SPACE_BYTES = 2 ** 48;

/** The part of the address space that a map shows, in cells. */
export interface Viewport {
  readonly start: number;
  readonly cellBytes: number;
}

/** Pixels of a cell. */
const CELL = 10;
const COLUMNS_MAX = 128;
const COLUMNS_MIN = 16;
/** Hues of processes, and the colour of the kernel. */
const HUES = [212, 24, 150, 280, 340, 60, 185, 100];

/** Colours of the states of pages, for a light and a dark page: see PAGE_STATES. Unmapped and absent ones have those of owners. */
const COLOURS = {
  light: { zero: '#c3cad6', clean: '#6fa8e8', shared: '#3b6fd1', private: '#e9a33b', written: '#d8402b' },
  dark: { zero: '#4a5466', clean: '#4f8fd6', shared: '#86b4ff', private: '#d99838', written: '#ff6a55' },
} as const;
const STATES = ['unmapped', 'absent', 'zero', 'clean', 'shared', 'private', 'written'] as const;

/** A cell on the canvas. */
type Box = readonly [x: number, y: number, width: number, height: number];

export type Scheme = keyof typeof COLOURS;

/** The colour of a process: of its mapped memory that has no frames. */
export function ownerColour(pid: number, scheme: Scheme): string {
  const lightness = scheme === 'light' ? 90 : 22;
  return pid === 0 ? `hsl(0 0% ${lightness}%)` : `hsl(${HUES[(pid - 1) % HUES.length]} 55% ${lightness}%)`;
}

/** The colour of a state of pages. */
export function stateColour(state: keyof (typeof COLOURS)['light'], scheme: Scheme): string {
  return COLOURS[scheme][state];
}

/** Draws a picture of memory, row by row, and finds cells in it. */
export class MemoryMap {
  readonly canvas = document.createElement('canvas');
  columns = COLUMNS_MIN;
  rows = 1;

  /** Fits the cells to the element that the map fills. Returns whether their number has changed. */
  resize(): boolean {
    const { clientWidth, clientHeight } = this.canvas;
    const fitting = 2 ** Math.floor(Math.log2(Math.max(1, clientWidth / CELL)));
    const columns = Math.min(COLUMNS_MAX, Math.max(COLUMNS_MIN, fitting));
    const size = clientWidth / columns;
    const rows = Math.max(1, Math.min(2 ** 13 / columns, Math.floor(clientHeight / size)));
    const isChanged = columns !== this.columns || rows !== this.rows;
    [this.columns, this.rows] = [columns, rows];
    const ratio = devicePixelRatio;
    const [width, height] = [Math.round(clientWidth * ratio), Math.round(clientHeight * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height)
      [this.canvas.width, this.canvas.height] = [width, height];
    return isChanged;
  }

  get count(): number {
    return this.columns * this.rows;
  }

  /** The cell at a place of the canvas, in pixels of the page. */
  cellAt(x: number, y: number): number {
    const size = this.canvas.clientWidth / this.columns;
    const column = Math.min(this.columns - 1, Math.max(0, Math.floor(x / size)));
    return Math.min(this.count - 1, Math.max(0, Math.floor(y / size)) * this.columns + column);
  }

  draw(picture: MemoryPicture, selected: number | undefined, scheme: Scheme): void {
    const context = this.canvas.getContext('2d')!;
    const size = this.canvas.width / this.columns;
    const gap = Math.max(1, Math.round(size / 14));
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const place = (cell: number): Box => {
      const [column, row] = [cell % this.columns, Math.floor(cell / this.columns)];
      const [x, y] = [Math.round(column * size), Math.round(row * size)];
      // Cells differ by a pixel, so that all gaps are alike.
      const [right, bottom] = [Math.round((column + 1) * size), Math.round((row + 1) * size)];
      return [x, y, Math.max(1, right - x - gap), Math.max(1, bottom - y - gap)];
    };
    for (let cell = 0; cell < picture.states.length; cell++) {
      this.drawCell(context, picture, cell, place(cell), scheme);
    }
    const ink = scheme === 'light' ? '#10151d' : '#ffffff';
    for (const { kind, address } of picture.fronts) {
      const cell = Math.floor((address - picture.start) / picture.cellBytes);
      if (cell < 0 || cell >= picture.states.length) continue;
      const [x, y, width, height] = place(cell);
      context.fillStyle = ink;
      context.beginPath();
      // A heap grows up, a stack down: the tip says which it is.
      const [tip, base] = kind === 'heap' ? [x + width, x] : [x, x + width];
      context.moveTo(tip, y + height / 2);
      context.lineTo(base, y);
      context.lineTo(base, y + height);
      context.fill();
    }
    if (selected === undefined || selected < 0 || selected >= picture.states.length) return;
    const box = place(selected);
    context.strokeStyle = ink;
    context.lineWidth = 2 * gap;
    context.strokeRect(...box);
  }

  private drawCell(
    context: CanvasRenderingContext2D,
    { states, shades, owners, ranges, cellBytes }: MemoryPicture,
    cell: number,
    [x, y, width, height]: Box,
    scheme: Scheme,
  ): void {
    const state = STATES[states[cell]!]!;
    const range = ranges[owners[cell]! - 1];
    const isMapped = state !== 'unmapped' && range !== undefined;
    context.fillStyle = isMapped ? ownerColour(range.pid, scheme) : scheme === 'light' ? '#f1f3f6' : '#171b22';
    context.fillRect(x, y, width, height);
    if (state === 'unmapped' || state === 'absent') return;
    context.fillStyle = COLOURS[scheme][state];
    if (cellBytes < 4096) {
      context.globalAlpha = 0.15 + (0.85 * shades[cell]!) / 255;
      context.fillRect(x, y, width, height);
      context.globalAlpha = 1;
      return;
    }
    // The filled part says how much of a cell has frames.
    const filled = Math.max(3, Math.round((height * shades[cell]!) / 255));
    context.fillRect(x, y + height - filled, width, filled);
  }
}
