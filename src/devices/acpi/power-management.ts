import { outside, schema, value } from '../../state/schema.js';
import { periodsIn, type DeviceClock } from '../device-time.js';
import type { PortDevice } from '../io-bus.js';

/** Ports of the fixed hardware of ACPI: ACPI Specification 6.4, 4.8.3. */
export const POWER_PORTS = { events: 0x600, control: 0x604, timer: 0x608, last: 0x60b } as const;
/** The sleep type that turns the machine off, as the name _S5 in the DSDT says. */
export const SLEEP_OFF = 5;

const PM_TIMER_HERTZ = 3_579_545;
const EVENT_BYTES = 4;
/** ACPI is on, and cannot be turned off. */
const CONTROL_ENABLED = 1 << 0;
const SLEEP_ENABLE = 1 << 13;
const SLEEP_TYPE_SHIFT = 10;

/** PM1 event and control registers, and the PM timer of 32 bits. No event ever occurs, so that there is no SCI. */
export class PowerManagement implements PortDevice {
  static readonly state = schema(
    'power management',
    PowerManagement,
    {
      clock: outside('its place on the board'),
      turnOff: outside('its place on the board'),
      enabledEvents: value,
      control: value,
    },
    { isPart: true },
  );

  private enabledEvents = 0;
  private control = CONTROL_ENABLED;

  constructor(
    private readonly clock: DeviceClock,
    /** Called when software turns the machine off. */
    private readonly turnOff: () => void,
  ) {}

  readPort(port: number): number {
    const byte = 8 * (port & 3);
    if (port >= POWER_PORTS.timer) return ((periodsIn(this.clock.ticks, PM_TIMER_HERTZ) % 2 ** 32) >>> byte) & 0xff;
    if (port >= POWER_PORTS.control) return (this.control >>> byte) & 0xff;
    return ((this.enabledEvents << 16) >>> byte) & 0xff;
  }

  writePort(port: number, value: number): void {
    if (port >= POWER_PORTS.timer) return;
    if (port < POWER_PORTS.events + EVENT_BYTES) this.enableEvents(port, value);
    else this.writeControl(port, value);
  }

  private enableEvents(port: number, value: number): void {
    const byte = (port & 3) - 2;
    if (byte >= 0) this.enabledEvents = (this.enabledEvents & ~(0xff << (8 * byte))) | (value << (8 * byte));
  }

  private writeControl(port: number, value: number): void {
    const byte = port & 3;
    if (byte > 1) return;
    const control = (this.control & ~(0xff << (8 * byte))) | (value << (8 * byte)) | CONTROL_ENABLED;
    this.control = control & ~SLEEP_ENABLE;
    if (control & SLEEP_ENABLE && ((control >> SLEEP_TYPE_SHIFT) & 7) === SLEEP_OFF) this.turnOff();
  }
}
