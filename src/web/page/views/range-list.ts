import type { PictureRange } from '../../../debug/inspect/memory-picture.js';
import { button, element, sizeText } from '../dom.js';
import { asOneStop, markStop, redraw } from '../one-stop.js';
import { ownerColour, type Scheme } from './memory-map.js';
import { addressText } from './view.js';

/** The mapped ranges, as buttons that show them on the map. */
export class RangeList {
  readonly element = asOneStop(element('ul', { class: 'ranges', 'aria-label': 'Regions' }));
  private listed = '';

  constructor(private readonly zoomTo: (start: number, end: number) => void) {}

  show(ranges: readonly PictureRange[], scheme: Scheme): void {
    const listed = scheme + JSON.stringify(ranges);
    if (listed === this.listed) return;
    this.listed = listed;
    const items = ranges.map((range) => element('li', {}, this.item(range, scheme)));
    markStop(items.map((item) => item.firstElementChild!));
    redraw(this.element, ...items);
  }

  private item({ start, end, what, name, rights, pid }: PictureRange, scheme: Scheme): HTMLButtonElement {
    const text = `${what}${name === '' ? '' : ` of ${name}`}`;
    const item = button('', { title: `Show ${text}` }, () => this.zoomTo(start, end));
    item.append(
      element('i', { style: `background:${ownerColour(pid, scheme)}` }),
      element('b', {}, text),
      element('span', {}, `${rights} ${sizeText(end - start)}`),
      addressText(start),
    );
    return item;
  }
}
