import type { MemoryPicture } from '../../../debug/inspect/memory-picture.js';
import { element } from '../dom.js';
import { ownerColour, stateColour, type Scheme } from './memory-map.js';

const STANDARD: NonNullable<MemoryPicture['legend']> = [
  ['absent', 'reserved, not in use yet'],
  ['zero', 'zeros'],
  ['clean', 'clean: unchanged'],
  ['shared', 'clean, shared'],
  ['private', 'private copy'],
  ['written', 'written lately'],
];

/** Says what the colours of a map mean. */
export class MemoryLegend {
  readonly element = element('ul', { class: 'legend', 'aria-label': 'Colours' });
  private shown = '';

  show({ legend = STANDARD, fronts }: MemoryPicture, scheme: Scheme): void {
    const hasFronts = fronts.length > 0;
    const shown = JSON.stringify([legend, hasFronts, scheme]);
    if (shown === this.shown) return;
    this.shown = shown;
    const items = legend.map(([state, text]) => {
      const isOfOwner = state === 'absent' || state === 'unmapped';
      const colour = isOfOwner ? ownerColour(1, scheme) : stateColour(state, scheme);
      return element('li', {}, element('i', { style: `background:${colour}` }), text);
    });
    if (hasFronts) items.push(element('li', {}, '▶ end of a heap, ◀ of a stack'));
    this.element.replaceChildren(...items);
  }
}
