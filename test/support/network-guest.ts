/** The guest's end of a user-mode network, for tests. */
import { GATEWAY, GUEST, type Station } from '../../src/network/addresses.js';
import { ETHERNET_TYPES, readFrame, writeFrame } from '../../src/network/ethernet.js';
import { readDatagram, writeDatagram, type Datagram, type ReceivedDatagram } from '../../src/network/ipv4.js';
import type { NetworkHost } from '../../src/network/network-host.js';
import { readSegment, writeSegment, type Segment } from '../../src/network/tcp/segment.js';
import { readUdp, writeUdp, type UdpMessage } from '../../src/network/udp.js';
import { UserNetwork } from '../../src/network/user-network.js';

/** An order to the host, in words. */
export type Order = readonly [what: keyof NetworkHost, id: number, ...rest: (number | string | Uint8Array)[]];

/** A host that writes down what it is to do. */
export function orderLog(orders: Order[]): NetworkHost {
  return {
    connect: (id, address, port) => orders.push(['connect', id, address, port]),
    send: (id, bytes) => orders.push(['send', id, bytes]),
    end: (id) => orders.push(['end', id]),
    drop: (id) => orders.push(['drop', id]),
    lookUp: (id, name) => orders.push(['lookUp', id, name]),
  };
}

export class NetworkGuest {
  readonly clock = { ticks: 0 };
  readonly orders: Order[] = [];
  readonly network: UserNetwork;

  /** With a network that it makes, or that of a machine. */
  constructor(isOpen: boolean, network?: UserNetwork) {
    this.network = network ?? new UserNetwork({ clock: this.clock, isOpen, host: orderLog(this.orders) });
  }

  /** Takes the orders that there have been. */
  takeOrders(): Order[] {
    return this.orders.splice(0);
  }

  /** Takes all frames that wait for the guest. */
  takeFrames(): Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (let frame; (frame = this.network.nextFrame());) frames.push(frame);
    return frames;
  }

  takeDatagrams(): ReceivedDatagram[] {
    return this.takeFrames().map((bytes) => readDatagram(readFrame(bytes)!.payload)!);
  }

  send(datagram: Datagram, { mac }: Pick<Station, 'mac'> = GUEST): void {
    const payload = writeDatagram(datagram, 1);
    this.network.receive(writeFrame({ destination: GATEWAY.mac, source: mac, type: ETHERNET_TYPES.ipv4, payload }));
  }

  sendUdp(destination: number, message: UdpMessage): void {
    this.send(writeUdp({ source: GUEST.address, destination }, message));
  }

  takeUdp(): UdpMessage[] {
    return this.takeDatagrams().map((datagram) => readUdp(datagram)!);
  }

  sendSegment(destination: number, segment: Partial<Segment>): void {
    const whole = { ...SEGMENT, ...segment };
    this.send(writeSegment({ source: GUEST.address, destination }, whole));
  }

  takeSegments(): Segment[] {
    return this.takeDatagrams().map((datagram) => readSegment(datagram)!);
  }
}

const SEGMENT: Segment = {
  ...{ sourcePort: 40_000, destinationPort: 80, sequence: 1000, acknowledgment: 0, flags: 0, window: 65_535 },
  data: new Uint8Array(),
};

export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.replaceAll(/\s/g, '').match(/../g) ?? [], (pair) => parseInt(pair, 16));
}
