/** The debugger's end of a session: it sends packets and collects replies. */
import { byteString, bytesOf } from '../../../src/debug/gdb/byte-strings.js';
import type { MonitorCommand } from '../../../src/debug/gdb/monitor/monitor.js';
import { packetOf, PacketReader } from '../../../src/debug/gdb/packet-reader.js';
import { GdbSession } from '../../../src/debug/gdb/session.js';
import type { DebugTarget } from '../../../src/debug/target.js';

export class FakeDebugger {
  readonly session: GdbSession;
  /** All bytes that came, as a byte string. */
  raw = '';
  private readonly reader = new PacketReader(2 ** 24);
  private readonly packets: string[] = [];

  constructor(target: DebugTarget, monitorCommands: readonly MonitorCommand[] = []) {
    const write = (bytes: Uint8Array): void => {
      this.raw += byteString(bytes);
      for (const received of this.reader.read(bytes))
        if (received.kind === 'packet') this.packets.push(received.payload);
    };
    this.session = new GdbSession(target, { programPid: 1, write, monitorCommands });
  }

  /** Sends bytes as they are, and returns what came back. */
  sendRaw(text: string): string {
    const before = this.raw.length;
    this.session.receive(bytesOf(text));
    return this.raw.slice(before);
  }

  /** Sends a packet and returns the packets that came back at once. */
  send(payload: string): string[] {
    this.packets.length = 0;
    this.session.receive(packetOf(payload));
    return this.packets.splice(0);
  }

  /** Sends a packet and returns its only reply. */
  ask(payload: string): string {
    const replies = this.send(payload);
    if (replies.length !== 1) throw new Error(`${payload}: ${replies.length} replies`);
    return replies[0]!;
  }

  /** Sends a packet that lets the machine run, and returns what comes until it stops. */
  run(payload: string, maxSlices = 100): string[] {
    const replies = this.send(payload);
    for (let i = 0; i < maxSlices && this.session.isRunning; i++) this.session.runSlice(50);
    return [...replies, ...this.packets.splice(0)];
  }

  /** As gdb begins: with its features, and without acknowledgements. */
  connect(): this {
    this.ask(
      'qSupported:multiprocess+;swbreak+;hwbreak+;qRelocInsn+;fork-events+;vContSupported+;QThreadEvents+;no-resumed+',
    );
    this.ask('QStartNoAckMode');
    this.sendRaw('+');
    return this;
  }
}
