import type { DescribedAddress } from '../../machine/memory-methods.js';
import { button, element } from '../dom.js';
import type { SpaceChooser } from './space-chooser.js';
import { addressText, type ViewHost } from './view.js';

/** Says what lies at an address of the map. */
export class MemoryDetails {
  readonly element = element('div', { class: 'details', 'aria-live': 'polite' });
  private isAsking = false;
  private asked: { readonly address: number; readonly isChosen: boolean } | undefined;

  /** `follow` shows where a pointer leads. */
  constructor(
    private readonly host: ViewHost,
    private readonly spaces: Pick<SpaceChooser, 'space'>,
    private readonly follow: (address: number) => void,
  ) {}

  /** Describes an address; of one that is chosen, there is more to be done. */
  show(address: number, isChosen: boolean): void {
    void this.describe(address, isChosen);
  }

  /** Shows nothing, until the next address. */
  clear(): void {
    this.element.replaceChildren();
  }

  /** Says what lies at an address; while the machine is asked, only the last of further addresses counts. */
  private async describe(address: number, isChosen: boolean): Promise<void> {
    this.asked = { address, isChosen };
    if (this.isAsking) return;
    this.isAsking = true;
    try {
      while (this.asked) {
        const { address, isChosen } = this.asked;
        this.asked = undefined;
        this.showDescription(
          address,
          isChosen,
          await this.host.machine.call('describe', { address, space: this.spaces.space }),
        );
      }
    } catch {
      // The machine was closed.
    } finally {
      this.isAsking = false;
    }
  }

  private showDescription(address: number, isChosen: boolean, described: DescribedAddress): void {
    const { text, vmo, leaf, state, bytes, pointer } = described;
    const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const lines: [name: string, value: string][] = [
      [addressText(address), text],
      ['page', state + (leaf === undefined ? '' : `, leaf ${leaf}`)],
    ];
    if (vmo) lines.push(['made from', `VMO ${vmo.id}, byte ${vmo.offset}`]);
    if (digits !== '') lines.push(['bytes', digits]);
    this.element.replaceChildren(
      element('dl', {}, ...lines.flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)])),
      ...(isChosen ? this.actions(address, pointer) : []),
    );
  }

  private actions(address: number, pointer: number | undefined): HTMLElement[] {
    const actions: HTMLButtonElement[] = [];
    // A bare machine has no debugger here.
    if (this.spaces.space === undefined)
      actions.push(
        button('Who wrote it?', { title: 'Find the last store to this byte' }, () => {
          this.host.open('debugger', address);
          void this.host.machine.call('execute', `who ${addressText(address)}`);
        }),
        button('Show its bytes', {}, () => this.host.open('debugger', address)),
      );
    if (pointer !== undefined)
      actions.push(button(`Follow to ${addressText(pointer)}`, {}, () => this.follow(pointer)));
    return [element('div', { class: 'actions' }, ...actions)];
  }
}
