import type { MachineClient } from '../client/machine-client.js';
import type { Status } from '../protocol.js';
import { button, element, grouped, setText } from './dom.js';

/** Positions of the slider: ticks have more digits than a slider has pixels. */
const POSITIONS = 10_000;

/** The timeline: dragging it puts the whole page to another tick of the machine's history. */
export class TimelineBar {
  private readonly slider = element('input', {
    ...{ type: 'range', min: 0, max: POSITIONS, value: POSITIONS, disabled: true },
    'aria-label': 'Time in the history of the machine',
    title: 'Drag to go back in time',
  });
  private readonly text = element('output', {
    'aria-live': 'off',
    title: 'The time of the machine: a tick is an instruction, or a nanosecond of waiting',
  });
  private readonly toggle: HTMLButtonElement;
  private machine: MachineClient | undefined;
  private status: Status | undefined;
  private isDragging = false;

  constructor(place: HTMLElement) {
    this.toggle = button('Pause', { id: 'toggle', title: 'Pause or continue the machine (Ctrl-.)' }, () =>
      this.pauseOrGoOn(),
    );
    this.slider.addEventListener('input', () => this.go());
    this.slider.addEventListener('pointerdown', () => (this.isDragging = true));
    for (const end of ['pointerup', 'pointercancel', 'change'])
      this.slider.addEventListener(end, () => (this.isDragging = false));
    place.replaceChildren(this.toggle, this.slider, this.text);
  }

  attach(machine: MachineClient): void {
    this.machine = machine;
    this.status = undefined;
    machine.on('status', (status) => this.show(status));
  }

  /** Pauses a machine that runs, and lets one go on that was paused. */
  pauseOrGoOn(): void {
    if (this.isGoing) this.machine?.pause();
    else this.machine?.continue();
  }

  private get isGoing(): boolean {
    const state = this.status?.state;
    return state === 'running' || state === 'waiting';
  }

  private show(status: Status): void {
    this.status = status;
    const { ticks, begin, end, state, isPast } = status;
    setText(this.toggle, this.isGoing ? 'Pause' : 'Continue');
    this.toggle.disabled = state === 'ended' && !isPast;
    this.toggle.classList.toggle('primary', state === 'paused');
    this.slider.disabled = end <= begin;
    setText(this.text, `tick ${grouped(ticks)}`);
    if (this.isDragging) return;
    const place = end > begin ? Math.round(((ticks - begin) / (end - begin)) * POSITIONS) : POSITIONS;
    this.slider.value = String(place);
    this.slider.setAttribute('aria-valuetext', `tick ${grouped(ticks)} of ${grouped(end)}`);
  }

  private go(): void {
    if (!this.status) return;
    const { begin, end } = this.status;
    const tick = begin + (Number(this.slider.value) / POSITIONS) * (end - begin);
    this.machine?.call('goto', tick).catch(() => {});
  }
}
