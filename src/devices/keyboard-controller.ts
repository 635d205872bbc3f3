import { outside, schema, value } from '../state/schema.js';
import type { PortDevice } from './io-bus.js';

export const KEYBOARD_PORTS = { data: 0x60, command: 0x64 } as const;

/** The status register. */
const OUTPUT_FULL = 1 << 0;
const SYSTEM = 1 << 2;
const WAS_COMMAND = 1 << 3;
const UNLOCKED = 1 << 4;

/** Commands. IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device Controller". */
const READ_MODE = 0x20;
const WRITE_MODE = 0x60;
const TEST_AUXILIARY = 0xa9;
const TEST = 0xaa;
const TEST_KEYBOARD = 0xab;
const READ_OUTPUT_PORT = 0xd0;
const WRITE_OUTPUT_PORT = 0xd1;
/** The next byte comes back, as if it were from the keyboard; for WRITE_AUXILIARY_BUFFER too, since there is no such device. */
const WRITE_KEYBOARD_BUFFER = 0xd2;
const WRITE_AUXILIARY_BUFFER = 0xd3;
const FIRST_PULSE = 0xf0;
const TEST_PASSED = 0x55;
/** The clock line is stuck low: nothing is connected. */
const NOTHING_CONNECTED = 1;

/** The output port: bit 0 resets when it is low; A20 is always on. */
const OUTPUT_PORT = 0b11;
const NO_RESET = 1 << 0;
/** The keyboard and the auxiliary device are turned off. */
const INITIAL_MODE = 0x34;

/** The 8042 keyboard controller, without keyboard and mouse: for kernels that ask for it, and for those that reset by it. */
export class KeyboardController implements PortDevice {
  static readonly state = schema(
    'keyboard controller',
    KeyboardController,
    { reset: outside('its place on the board'), mode: value, answer: value, expecting: value, wasCommand: value },
    { isPart: true },
  );

  private mode = INITIAL_MODE;
  /** The byte that waits at port 60h. */
  private answer: number | undefined;
  /** The command that takes the next byte at port 60h. */
  private expecting: number | undefined;
  private wasCommand = false;

  constructor(private readonly reset: () => void) {}

  readPort(port: number): number {
    if (port === KEYBOARD_PORTS.command)
      return UNLOCKED | SYSTEM | (this.answer === undefined ? 0 : OUTPUT_FULL) | (this.wasCommand ? WAS_COMMAND : 0);
    const { answer = 0 } = this;
    this.answer = undefined;
    return answer;
  }

  writePort(port: number, value: number): void {
    this.wasCommand = port === KEYBOARD_PORTS.command;
    if (this.wasCommand) this.command(value);
    else this.data(value);
  }

  private command(command: number): void {
    this.expecting = undefined;
    switch (command) {
      case READ_MODE:
        this.answer = this.mode;
        return;
      case WRITE_MODE:
      case WRITE_OUTPUT_PORT:
      case WRITE_KEYBOARD_BUFFER:
      case WRITE_AUXILIARY_BUFFER:
        this.expecting = command;
        return;
      case TEST:
        this.answer = TEST_PASSED;
        return;
      case TEST_KEYBOARD:
      case TEST_AUXILIARY:
        this.answer = NOTHING_CONNECTED;
        return;
      case READ_OUTPUT_PORT:
        this.answer = OUTPUT_PORT;
        return;
      default:
        // A pulse of the lines whose bits are 0.
        if (command >= FIRST_PULSE && !(command & NO_RESET)) this.reset();
    }
  }

  private data(value: number): void {
    const { expecting } = this;
    this.expecting = undefined;
    if (expecting === WRITE_MODE) this.mode = value;
    if (expecting === WRITE_KEYBOARD_BUFFER || expecting === WRITE_AUXILIARY_BUFFER) this.answer = value;
    if (expecting === WRITE_OUTPUT_PORT && !(value & NO_RESET)) this.reset();
  }
}
