import { packetOf, PacketReader } from './packet-reader.js';

/** Receives what a debugger sends. */
export interface PacketReceiver {
  onPacket(payload: string): void;
  /** Called instead for a packet that is too long to be kept. */
  onLongPacket(): void;
  onInterrupt(): void;
}

/**
 * Packets over a stream of bytes: acknowledged and sent again where they were damaged, until the debugger turns that off
 * (QStartNoAckMode).
 */
export class PacketLink {
  private readonly reader: PacketReader;
  private acknowledges = true;
  private lastSent: Uint8Array | undefined;

  constructor(
    private readonly write: (bytes: Uint8Array) => void,
    private readonly receiver: PacketReceiver,
    maxBytes: number,
  ) {
    this.reader = new PacketReader(maxBytes);
  }

  receive(bytes: Uint8Array): void {
    for (const received of this.reader.read(bytes)) {
      if (received.kind === 'interrupt') this.receiver.onInterrupt();
      else if (received.kind === '-') this.sendAgain();
      else if (received.kind === 'too long') this.takeLong();
      else if (received.kind === 'packet') this.take(received.payload, received.isIntact);
    }
  }

  /** Sends a packet. */
  send(payload: string): void {
    this.lastSent = packetOf(payload);
    this.write(this.lastSent);
  }

  /** Packets are neither acknowledged nor checked from now on: the stream is reliable. */
  stopAcknowledging(): void {
    this.acknowledges = false;
  }

  private sendAgain(): void {
    if (this.acknowledges && this.lastSent) this.write(this.lastSent);
  }

  private take(payload: string, isIntact: boolean): void {
    if (this.acknowledges) this.write(Uint8Array.of((isIntact ? '+' : '-').charCodeAt(0)));
    if (isIntact || !this.acknowledges) this.receiver.onPacket(payload);
  }

  /** It is not asked for again: it would be as long. */
  private takeLong(): void {
    if (this.acknowledges) this.write(Uint8Array.of('+'.charCodeAt(0)));
    this.receiver.onLongPacket();
  }
}
