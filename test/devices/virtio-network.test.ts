/** The virtio network device, by the Virtual I/O Device Specification 1.2, and what a driver or a guest out of its mind does to it. */
import t from 'tap';
import { bytesToHex } from '../../src/bits.js';
import { NetworkDevice } from '../../src/devices/virtio/network-device.js';
import { GATEWAY, GUEST, NAME_SERVER, ipv4Address } from '../../src/network/addresses.js';
import { ETHERNET_TYPES, writeFrame } from '../../src/network/ethernet.js';
import { writeDatagram } from '../../src/network/ipv4.js';
import type { NetworkNews } from '../../src/network/network-host.js';
import { MOST_LOOKUPS } from '../../src/network/services/name-service.js';
import { MOST_CONNECTIONS } from '../../src/network/tcp/connections.js';
import { BUFFER_BYTES } from '../../src/network/tcp/connection.js';
import { writeSegment } from '../../src/network/tcp/segment.js';
import { writeUdp } from '../../src/network/udp.js';
import { MOST_REPLIES, UserNetwork } from '../../src/network/user-network.js';
import fc from '../support/fast-check.js';
import { fromHex, orderLog, type Order } from '../support/network-guest.js';
import { DATA, Driver, QUEUE_BYTES } from '../support/virtio-driver.js';

const HEADER_BYTES = 12;
const [RECEIVE, SEND] = [0, 1];
const ARP = fromHex('ffffffffffff 525400123456 0806 0001 0800 0604 0001 525400123456 0a00020f 000000000000 0a000202');

function networkDriver(isOpen: boolean): { driver: Driver; network: UserNetwork; orders: Order[] } {
  const clock = { ticks: 0 };
  const orders: Order[] = [];
  const network = new UserNetwork({ clock, isOpen, host: orderLog(orders) });
  const driver = new Driver(new NetworkDevice(network), clock).start();
  network.onFrames = () => driver.function.notify(RECEIVE);
  return { driver, network, orders };
}

function send(driver: Driver, frame: Uint8Array): void {
  driver.ram.fill(0, DATA, DATA + HEADER_BYTES);
  driver.ram.set(frame, DATA + HEADER_BYTES);
  driver.give(SEND, [{ at: DATA, bytes: HEADER_BYTES + frame.length }]);
}

t.test('frames', async (t) => {
  const { driver } = networkDriver(false);
  t.equal(driver.function.pci.read(0, 4), 0x1041_1af4);
  t.equal(driver.function.pci.read(8, 4) >>> 8, 0x02_00_00, 'an Ethernet controller');
  const mac = Array.from({ length: 6 }, (_, at) => driver.read(0x2000 + at, 1));
  t.equal(bytesToHex(Uint8Array.from(mac)), '525400123456');
  const buffer = [{ at: DATA + 0x1000, bytes: 1526, isWritable: true }];
  t.equal(driver.give(RECEIVE, buffer), undefined, 'nothing has arrived');
  send(driver, ARP);
  t.equal(driver.taken(SEND), 0);
  t.equal(driver.taken(RECEIVE), HEADER_BYTES + ARP.length);
  const [header, frame] = [DATA + 0x1000, DATA + 0x1000 + HEADER_BYTES];
  t.equal(bytesToHex(driver.ram.subarray(header, frame)), '000000000000000000000100', 'in one buffer');
  t.equal(bytesToHex(driver.ram.subarray(frame, frame + 12)), '52540012345652550a000202');
  send(driver, ARP);
  t.equal(driver.give(RECEIVE, [{ ...buffer[0]!, bytes: 40 }]), 0, 'a buffer that is too short gets nothing');
});

t.test('frames that the guest does not take are bounded, and its time passes without it', async (t) => {
  const { driver, network } = networkDriver(false);
  for (let count = 0; count < 1000; count++) send(driver, ARP);
  let frames = 0;
  while (network.nextFrame()) frames++;
  t.equal(frames, MOST_REPLIES);
});

t.test('what is to be sent again wakes the device up', async (t) => {
  const { driver, network } = networkDriver(true);
  send(driver, frameOf({ kind: 'segment', flags: 2, port: 80, sequence: 1, bytes: new Uint8Array() }));
  network.deliver({ id: 1, what: 'connected' });
  const buffer = [{ at: DATA + 0x1000, bytes: 1526, isWritable: true }];
  t.equal(driver.give(RECEIVE, buffer), HEADER_BYTES + 14 + 20 + 24);
  t.equal(driver.function.nextChange, 1e9);
  t.equal(driver.give(RECEIVE, buffer), undefined);
  driver.clock.ticks = 1e9;
  driver.function.update();
  t.equal(driver.taken(RECEIVE), HEADER_BYTES + 14 + 20 + 24);
  driver.write(0x14, 1, 0);
  t.same(network.accounts, [], 'a reset ends all connections');
  t.equal(driver.function.nextChange, Infinity);
});

/** Something that happens to a device. */
type Event =
  | { readonly kind: 'segment'; flags: number; port: number; sequence: number; bytes: Uint8Array }
  | { readonly kind: 'udp'; port: number; address: number; bytes: Uint8Array }
  | { readonly kind: 'datagram'; protocol: number; address: number; bytes: Uint8Array }
  | { readonly kind: 'frame'; type: number; bytes: Uint8Array }
  | { readonly kind: 'buffer'; bytes: number }
  | { readonly kind: 'memory'; at: number; bytes: Uint8Array }
  | { readonly kind: 'register'; at: number; bytes: number; value: number }
  | { readonly kind: 'news'; news: NetworkNews }
  | { readonly kind: 'time'; ticks: number }
  | { readonly kind: 'host'; isOpen: boolean };

const address = fc.constantFrom(
  GATEWAY.address,
  NAME_SERVER.address,
  0xffff_ffff,
  ipv4Address(1, 2, 3, 4),
  0x0a00_0263,
);
const bytes = fc.uint8Array({ maxLength: 320 });
const id = fc.integer({ min: 1, max: 6 });
const QUERY = fromHex('beef 0100 0001 0000 0000 0000 03 626430 00 0001 0001');
const events: fc.Arbitrary<Event> = fc.oneof(
  fc.record({
    kind: fc.constant('segment' as const),
    flags: fc.constantFrom(2, 2, 16, 16, 17, 4, 63, 0),
    port: fc.constantFrom(80, 81),
    sequence: fc.constantFrom(0, 1, 2, 321, 2 ** 31, 2 ** 32 - 1),
    bytes,
  }),
  fc.record({ kind: fc.constant('udp' as const), port: fc.constantFrom(53, 67, 9), address, bytes }),
  fc.record({ kind: fc.constant('udp' as const), port: fc.constant(53), address, bytes: fc.constant(QUERY) }),
  fc.record({ kind: fc.constant('datagram' as const), protocol: fc.constantFrom(1, 6, 17, 99), address, bytes }),
  fc.record({ kind: fc.constant('frame' as const), type: fc.constantFrom(0x800, 0x806, 0x86dd), bytes }),
  fc.record({ kind: fc.constant('buffer' as const), bytes: fc.constantFrom(0, 11, 12, 60, 1526, 4096) }),
  fc.record({
    kind: fc.constant('memory' as const),
    at: fc.integer({ min: QUEUE_BYTES, max: 3 * QUEUE_BYTES }),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 32 }),
  }),
  fc.record({
    kind: fc.constant('register' as const),
    at: fc.oneof(fc.integer({ min: 0, max: 0x40 }), fc.constantFrom(0x3000, 0x3004, 0x3008, 0x1000, 0x2000)),
    bytes: fc.constantFrom(1, 2, 4),
    value: fc.oneof(fc.constantFrom(0, 1, 0xf), fc.integer({ min: 0, max: 2 ** 32 - 1 })),
  }),
  fc.record({
    kind: fc.constant('news' as const),
    news: fc.oneof(
      fc.record({
        id,
        what: fc.constantFrom('connected' as const, 'end', 'reset', 'refused', 'unreachable', 'no answer'),
      }),
      fc.record({ id, what: fc.constant('connected' as const) }),
      fc.record({
        id,
        what: fc.constant('data' as const),
        bytes: fc.integer({ min: 0, max: 70_000 }).map((n) => new Uint8Array(n)),
      }),
      fc.record({ id, what: fc.constant('taken' as const), count: fc.integer({ min: 0, max: 70_000 }) }),
      fc.record({
        id,
        what: fc.constant('addresses' as const),
        addresses: fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { maxLength: 20 }),
      }),
    ),
  }),
  fc.record({ kind: fc.constant('time' as const), ticks: fc.constantFrom(1, 1e9, 1e12) }),
  fc.record({ kind: fc.constant('host' as const), isOpen: fc.boolean() }),
);

/** The frame of an event. */
function frameOf(event: Extract<Event, { bytes: Uint8Array }>): Uint8Array {
  const ends = (destination: number) => ({ source: GUEST.address, destination });
  const framed = (payload: Uint8Array, type: number = ETHERNET_TYPES.ipv4): Uint8Array =>
    writeFrame({ destination: GATEWAY.mac, source: GUEST.mac, type, payload });
  switch (event.kind) {
    case 'segment': {
      const { port: destinationPort, sequence, flags, bytes: data } = event;
      const rest = { sourcePort: 40_000, acknowledgment: sequence, window: 1000, segmentBytes: 1460 };
      return framed(
        writeDatagram(writeSegment(ends(GATEWAY.address), { ...rest, destinationPort, sequence, flags, data }), 1),
      );
    }
    case 'udp': {
      const { port: destinationPort, address, bytes: data } = event;
      return framed(writeDatagram(writeUdp(ends(address), { sourcePort: 4000, destinationPort, data }), 1));
    }
    case 'datagram':
      return framed(writeDatagram({ ...ends(event.address), protocol: event.protocol, payload: event.bytes }, 1));
    case 'frame':
      return framed(event.bytes, event.type);
    case 'memory':
      return event.bytes;
  }
}

function happen(event: Event, driver: Driver, network: UserNetwork): void {
  switch (event.kind) {
    case 'buffer':
      driver.give(RECEIVE, [{ at: DATA + 0x1000, bytes: event.bytes, isWritable: true }]);
      return;
    case 'memory':
      driver.ram.set(event.bytes, event.at);
      return;
    case 'register':
      driver.write(event.at, event.bytes, event.value);
      return;
    case 'news':
      network.deliver(event.news);
      return;
    case 'time':
      driver.clock.ticks = Math.min(driver.clock.ticks + event.ticks, driver.function.nextChange);
      return;
    case 'host':
      network.restart(event.isOpen);
      return;
    default:
      send(driver, frameOf(event));
  }
}

t.test('nothing that a guest or a driver does, in whatever order, crashes the device or makes it grow', async () => {
  fc.assert(
    fc.property(fc.array(events, { maxLength: 120 }), (all) => {
      const { driver, network, orders } = networkDriver(true);
      for (const event of all) {
        happen(event, driver, network);
        driver.function.update();
        const { accounts } = network;
        if (accounts.length > MOST_CONNECTIONS + MOST_LOOKUPS) return false;
        for (let number = 1; number <= 6; number++) {
          const room = network.room(number);
          if (!(room >= 0 && room <= BUFFER_BYTES)) return false;
        }
        if (!(driver.function.nextChange >= driver.clock.ticks)) return false;
      }
      let frames = 0;
      while (network.nextFrame()) frames++;
      return frames <= MOST_REPLIES + 6 * BUFFER_BYTES && orders.length <= 4 * all.length;
    }),
    { numRuns: 150 },
  );
});
