/** A wire: `set` is called with its level. */
export interface InterruptLine {
  set(isHigh: boolean): void;
}
