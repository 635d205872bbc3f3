import type { Screen } from '../client/console-text.js';
import type { Output } from '../protocol.js';

/** Output of a process that is kept; of more, the oldest is forgotten. */
const KEPT_BYTES = 2 ** 19;

/** What one process has written to the console of its machine, up to the tick at which the machine is. */
export class OutputText {
  private parts: Output[] = [];
  private bytes = 0;
  private shown = 0;
  private screen: Screen | undefined;

  add(part: Output): void {
    this.parts.push(part);
    this.bytes += part.bytes.length;
    while (this.bytes > KEPT_BYTES && this.parts.length > 1) {
      this.bytes -= this.parts.shift()!.bytes.length;
      this.shown = Math.max(0, this.shown - 1);
    }
    this.show(Infinity);
  }

  /** What followed the first `at` bytes of the console was never written: the past was changed. */
  forgetAfter(at: number): void {
    if (!this.parts.some((part) => part.at >= at)) return;
    this.show(at);
    this.parts = this.parts.filter((part) => part.at < at);
    this.bytes = this.parts.reduce((total, { bytes }) => total + bytes.length, 0);
  }

  /** Shows what is among the first `outputBytes` bytes of the console. */
  show(outputBytes: number): void {
    const until = this.parts.findIndex(({ at }) => at >= outputBytes);
    const count = until < 0 ? this.parts.length : until;
    if (count < this.shown) {
      this.screen?.clear();
      this.shown = 0;
    }
    for (; this.shown < count; this.shown++) this.screen?.write(this.parts[this.shown]!.bytes, () => {});
  }

  /** Shows it on a screen, which is empty, or on none. */
  showOn(screen: Screen | undefined): void {
    const { shown } = this;
    this.screen = screen;
    this.shown = 0;
    for (; screen && this.shown < shown; this.shown++) screen.write(this.parts[this.shown]!.bytes, () => {});
    this.shown = shown;
  }
}
