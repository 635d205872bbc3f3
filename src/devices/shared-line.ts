import { outside, schema, value } from '../state/schema.js';
import type { InterruptLine } from './interrupt-line.js';

/** A line that several devices drive, such as INTA# of PCI: high while any of them is. */
export class SharedLine {
  static readonly state = schema(
    'shared line',
    SharedLine,
    { line: outside('its place on the board'), high: value, inputs: outside('its place on the board') },
    { isPart: true },
  );

  /** A bit for each input that is high. */
  private high = 0;
  private inputs = 0;

  constructor(private readonly line: InterruptLine) {}

  /** Another input; at most 31. */
  input(): InterruptLine {
    const bit = 1 << this.inputs++;
    return {
      set: (isHigh) => {
        this.high = isHigh ? this.high | bit : this.high & ~bit;
        this.line.set(this.high !== 0);
      },
    };
  }
}
