/** `bd0/web`: machines in a page. Loading it defines `<bd0-machine>`. docs/browser.md describes it. */
import { MachineElement } from './client/element.js';

export { MachineElement, parseBytes } from './client/element.js';
export type { ExitDetail, MachineElementEvents, StopDetail } from './client/element.js';
export { MachineClient } from './client/machine-client.js';
export type { MachineEvents } from './client/machine-client.js';
export type { Content, MachineState, StartOptions, Status, StopKind } from './protocol.js';

declare global {
  interface HTMLElementTagNameMap {
    'bd0-machine': MachineElement;
  }
}

if ('customElements' in globalThis && !customElements.get('bd0-machine'))
  customElements.define('bd0-machine', MachineElement);
