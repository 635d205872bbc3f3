import type { EngineState } from '../../machine/engine-methods.js';
import type { Status } from '../../protocol.js';
import { button, element, grouped, setText, sizeText } from '../dom.js';
import { asOneStop, markStop, redraw } from '../one-stop.js';
import { Look } from './look.js';
import type { View, ViewHost } from './view.js';

const SAMPLES = 240;
const FRAME_BYTES = 4096;

const NOTHING_YET = 'Nothing is translated yet: that happens to code that runs often.';

/** Hot code beside the Wasm that it became, and what the engine counts, drawn as it happens. */
export class EngineView implements View {
  readonly element: HTMLElement;
  private readonly chart = element('canvas', { role: 'img', 'aria-label': 'Millions of instructions per second' });
  private readonly speed = element('output', { class: 'speed' });
  private readonly counters = element('dl', { class: 'counters' });
  private readonly regions = asOneStop(
    element('ul', { class: 'items', 'aria-label': 'Translated regions, the newest first' }),
  );
  private readonly text = element('pre', {
    class: 'hint',
    tabindex: '0',
    'aria-label': 'Guest code and its WebAssembly',
  });
  private readonly samples: number[] = [];
  private listed: string | undefined;
  private readonly look = new Look(this.chart, () => this.draw());

  constructor(private readonly host: ViewHost) {
    this.text.textContent =
      'Choose a region: its instructions are shown here, each with the WebAssembly that it became.';
    this.element = element(
      'div',
      { class: 'engine' },
      element('div', { class: 'chart' }, this.chart, this.speed),
      this.counters,
      element('h2', {}, 'Translated code'),
      element('div', { class: 'regions' }, this.regions, this.text),
    );
  }

  close(): void {
    this.look.close();
  }

  async update({ mips, state }: Status): Promise<void> {
    this.samples.push(state === 'running' ? mips : 0);
    if (this.samples.length > SAMPLES) this.samples.shift();
    setText(this.speed, state === 'running' ? `${grouped(mips)} MIPS` : 'not running');
    this.draw();
    const engine = await this.host.machine.call('engine', undefined);
    this.showCounters(engine);
    this.showRegions(engine);
  }

  private showCounters({ statistics, snapshots }: EngineState): void {
    const { frames, faults, switches, decoded, instructions, tlbDrops, translation } = statistics;
    const counts: [name: string, value: string][] = [
      ['instructions', grouped(instructions)],
      ['page faults', grouped(faults)],
      ['thread switches', grouped(switches)],
      ['decoded', grouped(decoded)],
      ['TLB flushes', grouped(tlbDrops)],
      ['memory in use', sizeText(frames.inUse * FRAME_BYTES)],
      ['pages found by content', grouped(frames.hits)],
    ];
    if (translation)
      counts.push(
        ['regions', grouped(translation.regionsLive)],
        ['translated instructions', grouped(translation.instructionsTranslated)],
        ['WebAssembly', sizeText(translation.wasmBytes)],
        ['code found by content', grouped(translation.hitsByContent)],
        ['time to translate', `${grouped(translation.millisecondsGenerating + translation.millisecondsCompiling)} ms`],
      );
    if (snapshots)
      counts.push([
        'history',
        `${snapshots.snapshots} snapshot${snapshots.snapshots === 1 ? '' : 's'}, ${sizeText(snapshots.bytes)}`,
      ]);
    this.counters.replaceChildren(
      ...counts.map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value))),
    );
  }

  private showRegions({ regions }: EngineState): void {
    const listed = regions.map(({ number }) => number).join();
    if (listed === this.listed) return;
    this.listed = listed;
    const items = regions.map(({ number, text }) =>
      element(
        'li',
        {},
        button(text, { title: text }, () => void this.showRegion(number)),
      ),
    );
    markStop(items.map((item) => item.firstElementChild!));
    if (items.length === 0) items.push(element('li', { class: 'quiet' }, NOTHING_YET));
    redraw(this.regions, ...items);
  }

  private async showRegion(number: number): Promise<void> {
    const lines = await this.host.machine.call('region', number).catch((error: Error) => [error.message]);
    this.text.classList.remove('hint');
    this.text.textContent = lines.join('\n');
    this.text.scrollTop = 0;
  }

  private draw(): void {
    const { chart, samples } = this;
    const ratio = devicePixelRatio;
    [chart.width, chart.height] = [chart.clientWidth * ratio, chart.clientHeight * ratio];
    const context = chart.getContext('2d');
    if (!context || chart.width === 0) return;
    const most = Math.max(1, ...samples);
    const [step, height] = [chart.width / (SAMPLES - 1), chart.height];
    context.beginPath();
    context.moveTo(0, height);
    samples.forEach((sample, at) => context.lineTo(at * step, height - (sample / most) * (height - 4 * ratio)));
    context.lineTo((samples.length - 1) * step, height);
    context.fillStyle = context.strokeStyle = getComputedStyle(chart).color;
    context.globalAlpha = 0.15;
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = 1.5 * ratio;
    context.stroke();
  }
}
