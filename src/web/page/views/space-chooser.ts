import type { MemorySpace } from '../../machine/memory-methods.js';
import { element } from '../dom.js';

/** What is chosen unless the user says otherwise: see board/spaces.ts. */
const STANDARD = 'current';

/** Lets the user choose which memory of a bare machine is shown. Other machines have one address space, and no choice. */
export class SpaceChooser {
  readonly element = element('select', { 'aria-label': 'Memory that is shown', hidden: true });
  private chosen = STANDARD;

  constructor(onChange: () => void) {
    this.element.addEventListener('change', () => {
      this.chosen = this.element.value;
      onChange();
    });
  }

  /** The key of the space that is shown; undefined where there is no choice. */
  get space(): string | undefined {
    return this.element.hidden ? undefined : this.element.value;
  }

  /** Offers spaces. One that is gone, or not there yet, is replaced by the first. */
  offer(spaces: readonly MemorySpace[] = []): void {
    const { element: select } = this;
    select.hidden = spaces.length === 0;
    const shown = Array.from(select.options, ({ value, text }) => ({ key: value, title: text }));
    if (JSON.stringify(shown) !== JSON.stringify(spaces))
      select.replaceChildren(...spaces.map(({ key, title }) => element('option', { value: key }, title)));
    const wanted = spaces.find(({ key }) => key === this.chosen) ?? spaces[0];
    if (wanted) select.value = wanted.key;
  }
}
