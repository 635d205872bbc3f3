import type { DeviceClock } from './device-time.js';
import type { PortDevice } from './io-bus.js';
import type { IntervalTimer } from './pit.js';
import { outside, schema, value } from '../state/schema.js';

const GATE = 1 << 0;
const SPEAKER_DATA = 1 << 1;
const REFRESH = 1 << 4;
const OUTPUT = 1 << 5;
/** Memory is refreshed every 15.085 microseconds. */
const REFRESH_TICKS = 15_085;

/** Port 61h: the gate and the output of the timer's third counter, and the refresh of memory as a clock. */
export class SystemControlB implements PortDevice {
  static readonly state = schema(
    'port 61h',
    SystemControlB,
    { clock: outside('its place on the board'), timer: outside('its place on the board'), speaker: value },
    { isPart: true },
  );

  private speaker = 0;

  constructor(
    private readonly clock: DeviceClock,
    private readonly timer: IntervalTimer,
  ) {}

  readPort(): number {
    const refresh = Math.floor(this.clock.ticks / REFRESH_TICKS) % 2 === 1 ? REFRESH : 0;
    return this.speaker | refresh | (this.timer.speakerGate ? GATE : 0) | (this.timer.speakerOutput ? OUTPUT : 0);
  }

  writePort(_port: number, value: number): void {
    this.speaker = value & SPEAKER_DATA;
    this.timer.setSpeakerGate((value & GATE) !== 0);
  }
}

const A20 = 1 << 1;
const RESET = 1 << 0;

/** Port 92h: resets the machine. A20 is always on. */
export function systemControlA(reset: () => void): PortDevice {
  return {
    readPort: () => A20,
    writePort: (_port, value) => {
      if (value & RESET) reset();
    },
  };
}

/** Port F4h: ends the run with 2 * value + 1 as its exit code. */
export function debugExit(exit: (code: number) => void): PortDevice {
  return { readPort: () => 0xff, writePort: (_port, value) => exit(((value << 1) | 1) & 0xff) };
}
