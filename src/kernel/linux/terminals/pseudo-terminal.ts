import { concatenated } from '../../../bits.js';
import { schema, value } from '../../../state/schema.js';
import type { FileSystem } from '../files/file-system.js';
import { POLLHUP, POLLIN, POLLOUT, POLLPRI, POLLRDNORM, POLLWRNORM } from '../files/open/open-file.js';
import { Signal } from '../signals/signal.js';
import { LineInput, type Echo, type InputHost } from './line-input.js';
import { PacketMode, type PacketEvent } from './packet-mode.js';
import { Termios } from './termios.js';

/** Bytes that were written and that the master has not read: the limit of drivers/tty/tty_buffer.c. */
const OUTPUT_BYTES = 65536;
/** A byte becomes eight at most: the spaces of a tab. */
const GROWTH_MAX = 8;

const READABLE = POLLIN | POLLRDNORM;
const WRITABLE = POLLOUT | POLLWRNORM;

/** A pseudo-terminal: what its master writes is typed at the slave, and what programs write to that is read from the master. */
export class PseudoTerminal {
  /** @internal */
  static readonly state = schema('pseudo-terminal', PseudoTerminal, {
    ...{ index: value, masterNumber: value, slaveNumber: value, settings: value, input: value, output: value },
    ...{ isLocked: value, isSuspended: value, slaves: value, hasMaster: value, wasClosed: value, hangUps: value },
    ...{ typedAt: value, packets: value },
  });

  /** No size is known at first. */
  readonly settings = new Termios([0, 0]);
  private readonly input = new LineInput();
  private output: Uint8Array = new Uint8Array(0);
  /** The slave cannot be opened yet. */
  isLocked = true;
  /** Output waits: Ctrl-S was typed. */
  isSuspended = false;
  /** Open files of the slave. */
  private slaves = 0;
  hasMaster = true;
  /** The slave was open, and nobody has it any more. */
  private wasClosed = false;
  /** The tick at which something was typed last. */
  typedAt = 0;
  /** Packet mode: how the master learns of flow control and flushes of the slave. */
  readonly packets = new PacketMode();
  /** Number of hang-ups of the slave; files opened before the last one have lost it. */
  hangUps = 0;

  /** Its name is /dev/pts/INDEX; the numbers are woken when something changes for the master, and for the slave. */
  constructor(
    readonly index: number,
    readonly masterNumber: number,
    readonly slaveNumber: number,
  ) {}

  openSlave(files: FileSystem): void {
    this.slaves++;
    this.wasClosed = false;
    files.wake(this.masterNumber);
  }

  closeSlave(files: FileSystem): void {
    if (--this.slaves > 0) return;
    this.wasClosed = true;
    files.wake(this.masterNumber);
  }

  /** Hangs up the slave: files that are open read the end of input, and writing to them fails. */
  hangUp(files: FileSystem): void {
    this.hangUps++;
    this.input.flush();
    files.wake(this.slaveNumber);
    files.wake(this.masterNumber);
  }

  /** The last file of the master was closed. */
  closeMaster(files: FileSystem): void {
    this.hasMaster = false;
    this.hangUp(files);
  }

  /** Other settings, with or without what was typed so far. */
  load(files: FileSystem, view: DataView, flushes: boolean): void {
    const { isLines, hasUsualFlow } = this.settings;
    if (flushes) {
      this.input.flush();
      this.tellMaster(files, 'FLUSHREAD');
    }
    this.settings.load(view);
    if (this.settings.hasUsualFlow !== hasUsualFlow) this.tellMaster(files, hasUsualFlow ? 'NOSTOP' : 'DOSTOP');
    if (this.settings.isLines !== isLines) this.input.changeMode(this.settings.isLines);
    files.wake(this.slaveNumber);
  }

  flush(files: FileSystem, queue: 'input' | 'output'): void {
    if (queue === 'input') this.input.flush();
    else this.output = new Uint8Array(0);
    files.wake(queue === 'input' ? this.masterNumber : this.slaveNumber);
  }

  /** In packet mode, tells the master of something. */
  tellMaster(files: FileSystem, ...events: readonly PacketEvent[]): void {
    if (this.packets.add(events)) files.wake(this.masterNumber, READABLE | POLLPRI);
  }

  suspend(files: FileSystem, isSuspended: boolean): void {
    if (this.isSuspended !== isSuspended) this.tellMaster(files, isSuspended ? 'STOP' : 'START');
    this.isSuspended = isSuspended;
    files.wake(this.slaveNumber);
  }

  /** Types bytes. Returns how many have room. */
  type(files: FileSystem, bytes: Uint8Array): number {
    const { input, settings } = this;
    const echoes = new Echoes(input, settings);
    const host = this.hostOf(files, echoes);
    this.typedAt = files.timing.tick;
    let typed = 0;
    while (typed < bytes.length && input.room(settings) > 0) input.type(host, bytes[typed++]!);
    this.show(files, echoes.take());
    if (input.readable(settings) > 0 || input.hasLine) files.wake(this.slaveNumber, READABLE);
    return typed;
  }

  /** Writes bytes of a program. Returns how many have room. */
  write(files: FileSystem, bytes: Uint8Array): number {
    const room = this.isSuspended ? 0 : Math.floor((OUTPUT_BYTES - this.output.length) / GROWTH_MAX);
    const written = bytes.subarray(0, room);
    const { columns } = this.input;
    this.show(files, Array.from(written, (byte) => columns.processed(this.settings, byte)).flat());
    return written.length;
  }

  /** What can be read from the slave, at most so many bytes; undefined if nothing yet. They stay until `take`. */
  peek(length: number): Uint8Array | undefined {
    return this.input.peek(this.settings, length);
  }

  /** Whether there is as much input as a read of so many bytes waits for. */
  hasEnough(length: number): boolean {
    const { input, settings } = this;
    return settings.isLines || input.readable(settings) >= settings.leastBytes(length);
  }

  take(files: FileSystem, length: number): void {
    this.input.take(this.settings, length);
    files.wake(this.masterNumber, WRITABLE);
  }

  get readableBytes(): number {
    return this.input.readable(this.settings);
  }

  /** What the master can read; undefined if nothing yet, 'closed' if nobody has the slave. */
  peekOutput(length: number): Uint8Array | 'closed' | undefined {
    if (this.packets.hasEvents) return Uint8Array.of(this.packets.events);
    if (this.packets.isOn && this.output.length > 0)
      return concatenated([Uint8Array.of(0), this.output.subarray(0, length - 1)]);
    if (this.output.length > 0) return this.output.subarray(0, length);
    return this.wasClosed ? 'closed' : undefined;
  }

  takeOutput(files: FileSystem, length: number): void {
    if (this.packets.takeEvents()) return;
    this.output = this.output.slice(this.packets.isOn ? length - 1 : length);
    files.wake(this.slaveNumber, WRITABLE);
  }

  get outputBytes(): number {
    return this.output.length;
  }

  /** POLL bits of the slave. */
  get readiness(): number {
    const { input, settings } = this;
    const hasInput = settings.isLines ? input.hasLine : input.readable(settings) >= settings.readyBytes;
    const canWrite = !this.isSuspended && this.output.length < OUTPUT_BYTES - GROWTH_MAX;
    return (hasInput ? READABLE : 0) | (canWrite ? WRITABLE : 0);
  }

  /** POLL bits of the master. */
  get masterReadiness(): number {
    const hasOutput = this.output.length > 0;
    const canWrite = this.input.room(this.settings) > 0;
    const ofPackets = this.packets.hasEvents ? READABLE | POLLPRI : 0;
    return (hasOutput ? READABLE : 0) | ofPackets | (canWrite ? WRITABLE : 0) | (this.wasClosed ? POLLHUP : 0);
  }

  private hostOf(files: FileSystem, echoes: Echoes): InputHost {
    return {
      settings: this.settings,
      echo: (echo) => echoes.add(echo),
      flushed: () => {
        echoes.forget();
        this.tellMaster(files, 'FLUSHREAD', 'FLUSHWRITE');
      },
      suspend: (isSuspended) => {
        if (!isSuspended) echoes.settle();
        this.suspend(files, isSuspended);
      },
      raise: (signal) => files.raise(this.settings.group, signal),
    };
  }

  private show(files: FileSystem, bytes: readonly number[]): void {
    if (bytes.length === 0 || this.output.length + bytes.length > OUTPUT_BYTES) return;
    this.output = concatenated([this.output, Uint8Array.from(bytes)]);
    files.wake(this.masterNumber, READABLE);
  }
}

/** What is to be shown of bytes that are typed at once: when all of them are taken in, or before where output goes on. */
class Echoes {
  private readonly waiting: Echo[] = [];
  private readonly shown: number[] = [];

  constructor(
    private readonly input: LineInput,
    private readonly settings: Termios,
  ) {}

  add(echo: Echo): void {
    this.waiting.push(echo);
  }

  settle(): void {
    for (const echo of this.waiting.splice(0)) this.shown.push(...this.input.shown(this.settings, echo));
  }

  /** A signal forgets all, but the output has come to the column where it would have been. */
  forget(): void {
    this.waiting.length = this.shown.length = 0;
  }

  take(): number[] {
    this.settle();
    return this.shown;
  }
}

/** Changes a terminal's size and sends SIGWINCH to its foreground group. Returns false if it had that size. */
export function resizeTerminal(files: FileSystem, { size, group }: Termios, fields: readonly number[]): boolean {
  if (fields.every((field, index) => field === size[index])) return false;
  size.set(fields);
  if (group !== 0) files.raise(group, Signal.SIGWINCH);
  return true;
}
