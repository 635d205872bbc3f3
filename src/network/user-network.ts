import { outside, schema, value } from '../state/schema.js';
import {
  BROADCAST_ADDRESS,
  BROADCAST_MAC,
  GATEWAY,
  NAME_SERVER,
  isOnLink,
  isStationAddress,
  isUnicast,
  isUnicastMac,
  type Station,
} from './addresses.js';
import { arpReply, readArpRequest } from './arp.js';
import { ETHERNET_TYPES, readFrame, writeFrame, type Frame } from './ethernet.js';
import { echoReply, isQuery, unreachable, type Unreachable } from './icmp.js';
import { PROTOCOLS, readDatagram, writeDatagram, type Datagram, type ReceivedDatagram } from './ipv4.js';
import type { NetworkAccount, NetworkHost, NetworkNews } from './network-host.js';
import { DHCP_PORTS, dhcpReply } from './services/dhcp.js';
import { DNS_PORT } from './services/dns.js';
import { NameService, type DnsReply } from './services/name-service.js';
import type { TcpConnection } from './tcp/connection.js';
import { TcpConnections } from './tcp/connections.js';
import { TCP_FLAGS, readSegment, resetFor, writeSegment } from './tcp/segment.js';
import { readUdp, writeUdp } from './udp.js';

/** Most frames that wait for the guest, besides those of connections; further ones are lost. */
export const MOST_REPLIES = 64;

/** What a network is connected to. */
export interface NetworkOptions {
  readonly clock: { readonly ticks: number };
  /** Whether the guest can reach the host, and through it other machines. */
  readonly isOpen: boolean;
  /** Without one, nothing becomes of orders: a replay gets the news from its recording. */
  readonly host?: NetworkHost | undefined;
}

/**
 * The network that a guest's network device is connected to: a gateway that is a DHCP server, and, if the network is open, a name
 * server and a way to the host for TCP. It is part of the machine: what it sends depends on nothing but the frames of the guest,
 * the time in ticks, and the news of the host.
 */
export class UserNetwork {
  /** @internal */
  static readonly state = schema(
    'user-mode network',
    UserNetwork,
    {
      onFrames: outside('its place on the board'),
      isOpen: value,
      replies: value,
      datagrams: value,
      ids: value,
      connections: value,
      names: value,
    },
    { isPart: true },
  );

  /** Called when there may be frames for the guest. */
  onFrames: () => void = () => {};
  private isOpen: boolean;
  /** Frames that wait for the guest. */
  private readonly replies: Uint8Array[] = [];
  /** The identification of the last datagram. */
  private datagrams = 0;
  /** Number of connections and lookups that there have been. */
  private ids = 0;
  private readonly connections: TcpConnections;
  private readonly names: NameService;

  constructor({ clock, isOpen, host = NO_HOST }: NetworkOptions) {
    this.isOpen = isOpen;
    const newId = (): number => ++this.ids;
    this.connections = new TcpConnections({ clock, host, newId });
    this.names = new NameService(host, newId);
  }

  /** A frame from the guest. */
  receive(bytes: Uint8Array): void {
    const frame = readFrame(bytes);
    if (!frame || !isUnicastMac(frame.source)) return;
    if (frame.type === ETHERNET_TYPES.arp) this.receiveArp(frame);
    else if (frame.type === ETHERNET_TYPES.ipv4 && this.isForUs(frame)) {
      const datagram = readDatagram(frame.payload);
      if (datagram) this.receiveDatagram({ mac: frame.source, address: datagram.source }, datagram);
    }
    this.onFrames();
  }

  private isForUs({ destination }: Frame): boolean {
    return destination === BROADCAST_MAC || this.stations.some(({ mac }) => mac === destination);
  }

  /** The stations that the network itself has. */
  private get stations(): readonly Station[] {
    return this.isOpen ? [GATEWAY, NAME_SERVER] : [GATEWAY];
  }

  private receiveArp({ source, payload }: Frame): void {
    const request = readArpRequest(payload);
    const station = this.stations.find(({ address }) => address === request?.address);
    if (!request || !station) return;
    this.send({
      ...{ destination: source, source: station.mac, type: ETHERNET_TYPES.arp },
      payload: arpReply(station, request),
    });
  }

  private receiveDatagram(station: Station, datagram: ReceivedDatagram): void {
    const { protocol, destination } = datagram;
    const udp = protocol === PROTOCOLS.udp ? readUdp(datagram) : undefined;
    const isOwn = this.stations.some(({ address }) => address === destination);
    if (udp?.destinationPort === DHCP_PORTS.server && (isOwn || destination === BROADCAST_ADDRESS))
      return this.serveDhcp(station.mac, udp.data);
    if (!isStationAddress(station.address) || !isUnicast(destination)) return;
    const isName = isOwn && destination === NAME_SERVER.address;
    if (isName && udp?.destinationPort === DNS_PORT)
      return this.respond(this.names.receive({ station, port: udp.sourcePort }, udp.data));
    if (protocol === PROTOCOLS.tcp) return this.receiveTcp(station, datagram, isOwn);
    if (protocol !== PROTOCOLS.icmp)
      return this.refuse(station, datagram, protocol === PROTOCOLS.udp ? 'port' : 'protocol');
    const reply = isOwn ? echoReply(datagram.payload) : undefined;
    if (reply) this.sendDatagram(station, { ...backwards(datagram), payload: reply });
    else if (!isOwn && isQuery(datagram.payload)) this.refuse(station, datagram, 'prohibited');
  }

  private serveDhcp(mac: number, message: Uint8Array): void {
    const reply = dhcpReply(message, this.isOpen);
    if (!reply) return;
    const { server: sourcePort, client: destinationPort } = DHCP_PORTS;
    const ends = { source: GATEWAY.address, destination: reply.address };
    const target = reply.address === BROADCAST_ADDRESS ? BROADCAST_MAC : mac;
    this.sendDatagram(
      { mac: target, address: reply.address },
      writeUdp(ends, { sourcePort, destinationPort, data: reply.message }),
    );
  }

  private respond(reply: DnsReply | undefined): void {
    if (!reply) return;
    const { station, port: destinationPort } = reply.asker;
    const ends = { source: NAME_SERVER.address, destination: station.address };
    this.sendDatagram(station, writeUdp(ends, { sourcePort: DNS_PORT, destinationPort, data: reply.message }));
  }

  private receiveTcp(station: Station, datagram: ReceivedDatagram, isOwn: boolean): void {
    const segment = readSegment(datagram);
    const { destination: address } = datagram;
    const ends = { station, address };
    if (!segment || this.connections.receive(ends, segment)) return;
    const { syn, rst, ack } = TCP_FLAGS;
    if (segment.flags & rst) return;
    const isReachable = this.isOpen && (address === GATEWAY.address || !isOnLink(address));
    if (!isReachable && !isOwn) return this.refuse(station, datagram, 'prohibited');
    const isOpening = (segment.flags & (syn | ack)) === syn;
    if (isReachable && isOpening && this.connections.open(ends, segment)) return;
    this.sendDatagram(station, writeSegment(backwards(datagram), resetFor(segment)));
  }

  /** Tells the guest that a datagram is not delivered: `why` holds for the network's own stations. */
  private refuse(station: Station, datagram: ReceivedDatagram, why: Unreachable): void {
    const { destination } = datagram;
    const isOwn = this.stations.some(({ address }) => address === destination);
    const reason = isOwn ? why : isOnLink(destination) ? 'host' : 'prohibited';
    this.sendUnreachable(station, isOwn ? destination : GATEWAY.address, reason, datagram);
  }

  private sendUnreachable(station: Station, source: number, why: Unreachable, datagram: ReceivedDatagram): void {
    const ends = { source, destination: station.address };
    this.sendDatagram(station, { ...ends, protocol: PROTOCOLS.icmp, payload: unreachable(why, datagram) });
  }

  private sendDatagram(station: Station, datagram: Datagram): void {
    this.send(this.frameOf(station, datagram));
  }

  private frameOf(station: Station, datagram: Datagram): Frame {
    this.datagrams = (this.datagrams + 1) & 0xffff;
    const from = datagram.source === NAME_SERVER.address ? NAME_SERVER : GATEWAY;
    const payload = writeDatagram(datagram, this.datagrams);
    return { destination: station.mac, source: from.mac, type: ETHERNET_TYPES.ipv4, payload };
  }

  private send(frame: Frame): void {
    if (this.replies.length < MOST_REPLIES) this.replies.push(writeFrame(frame));
  }

  /** Takes the next frame for the guest; undefined if there is none. */
  nextFrame(): Uint8Array | undefined {
    const reply = this.replies.shift();
    if (reply) return reply;
    const next = this.connections.next();
    if (!next) return undefined;
    const { station, address, segment } = next;
    const ends = { source: address, destination: station.address };
    return writeFrame(this.frameOf(station, writeSegment(ends, segment)));
  }

  /** News of the host. */
  deliver(news: NetworkNews): void {
    this.respond(this.names.deliver(news));
    const lost = this.connections.deliver(news);
    if (lost) this.sendUnreachable(lost.station, GATEWAY.address, 'host', openingOf(lost));
    this.onFrames();
  }

  /** Brings the network to the time that it is now. */
  update(): void {
    if (this.connections.update()) this.onFrames();
  }

  /** The next tick at which it sends something by itself. */
  get nextChange(): number {
    return this.connections.nextChange;
  }

  /** Bytes of news that a connection has room for. */
  room(id: number): number {
    return this.connections.room(id);
  }

  /** The connections and lookups that the host knows, too. */
  get accounts(): readonly NetworkAccount[] {
    return [...this.connections.accounts, ...this.names.accounts];
  }

  /** The guest's device was reset: it knows nothing of what was before. */
  reset(): void {
    this.replies.length = 0;
    this.connections.removeAll();
    this.names.failAll();
  }

  /** Another host has taken over: the connections that there were are reset, and the network is open or not from now on. */
  restart(isOpen: boolean): void {
    if (isOpen === this.isOpen && this.accounts.length === 0) return;
    this.isOpen = isOpen;
    this.connections.breakAll();
    for (const reply of this.names.failAll()) this.respond(reply);
    this.onFrames();
  }
}

/** The datagram by which the guest has opened a connection, as far as an error shows it. */
function openingOf({ station, address, port, stationPort, receiveNext }: TcpConnection): ReceivedDatagram {
  const ends = { source: station.address, destination: address };
  const segment = writeSegment(ends, {
    ...{ sourcePort: stationPort, destinationPort: port, sequence: (receiveNext - 1) >>> 0, acknowledgment: 0 },
    ...{ flags: TCP_FLAGS.syn, window: 0, data: new Uint8Array() },
  });
  return readDatagram(writeDatagram(segment, 0))!;
}

/** The way back to where a datagram came from. */
function backwards({ source, destination, protocol }: Datagram): Omit<Datagram, 'payload'> {
  return { source: destination, destination: source, protocol };
}

const nothing = (): void => {};
const NO_HOST: NetworkHost = { connect: nothing, send: nothing, end: nothing, drop: nothing, lookUp: nothing };
