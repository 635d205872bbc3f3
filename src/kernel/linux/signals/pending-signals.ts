import { schema, value } from '../../../state/schema.js';
import { SignalCode, type SignalInfo } from './signal-info.js';
import { SYNCHRONOUS, isIn, lowestOf, setOf, type SignalSet } from './signal.js';

/** Signals that were sent to a process or to a thread, and not delivered yet. */
export class PendingSignals {
  /** @internal */
  static readonly state = schema('pending signals', PendingSignals, { set: value, infos: value });

  /** Those of which there is at least one. */
  set: SignalSet = 0n;
  /** Their siginfo, in the order of arrival; some signals have none. */
  private readonly infos: SignalInfo[] = [];

  /** Number of signals queued with a siginfo, not counting those of timers. */
  get length(): number {
    return this.infos.reduce((total, { timer }) => total + (timer ? 0 : 1), 0);
  }

  has(signal: number): boolean {
    return isIn(this.set, signal);
  }

  /** Without `info`, that there is one is all that is known of it. */
  add(signal: number, info?: SignalInfo): void {
    this.set |= setOf(signal);
    if (info) this.infos.push(info);
  }

  /** Takes out one that the set allows: one that the thread caused itself, the lowest one else. */
  take(allowed: SignalSet): SignalInfo | undefined {
    const set = this.set & allowed;
    if (set === 0n) return undefined;
    return this.takeSignal(lowestOf((set & SYNCHRONOUS) !== 0n ? set & SYNCHRONOUS : set));
  }

  /** Takes out one that an instruction of the thread caused, before all others. */
  takeFault(allowed: SignalSet): SignalInfo | undefined {
    if ((this.set & allowed & SYNCHRONOUS) === 0n) return undefined;
    const fault = this.infos.find(({ signal, code }) => code > SignalCode.user && isIn(allowed & SYNCHRONOUS, signal));
    return fault && this.takeSignal(fault.signal);
  }

  /** Drops those of a set. */
  drop(set: SignalSet): void {
    this.set &= ~set;
    for (const { signal, timer } of this.infos) if (isIn(set, signal)) timer?.dropped();
    const left = this.infos.filter(({ signal }) => !isIn(set, signal));
    this.infos.splice(0, this.infos.length, ...left);
  }

  private takeSignal(signal: number): SignalInfo {
    const index = this.infos.findIndex((info) => info.signal === signal);
    const info = this.infos[index] ?? { signal, errno: 0, code: SignalCode.user, fields: new Uint8Array(32) };
    if (index >= 0) this.infos.splice(index, 1);
    if (!this.infos.some((other) => other.signal === signal)) this.set &= ~setOf(signal);
    return info;
  }
}
