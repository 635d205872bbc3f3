import type { Scheme } from './memory-map.js';

/** How a canvas looks: it is drawn again when its size changes, or when the page turns light or dark. */
export class Look {
  private readonly dark = matchMedia('(prefers-color-scheme: dark)');
  private readonly resizing: ResizeObserver;

  constructor(
    canvas: HTMLCanvasElement,
    private readonly redraw: () => void,
  ) {
    this.resizing = new ResizeObserver(redraw);
    this.resizing.observe(canvas);
    this.dark.addEventListener('change', redraw);
  }

  get scheme(): Scheme {
    return this.dark.matches ? 'dark' : 'light';
  }

  close(): void {
    this.resizing.disconnect();
    this.dark.removeEventListener('change', this.redraw);
  }
}
