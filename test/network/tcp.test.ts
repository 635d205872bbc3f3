/** TCP of the user-mode network: RFC 9293 as a guest sees it, and that streams arrive as they were sent, whatever gets lost. */
import t from 'tap';
import { concatenated } from '../../src/bits.js';
import { GATEWAY, ipv4Address } from '../../src/network/addresses.js';
import { BUFFER_BYTES } from '../../src/network/tcp/connection.js';
import { MOST_CONNECTIONS } from '../../src/network/tcp/connections.js';
import { lengthInSequence, type Segment } from '../../src/network/tcp/segment.js';
import fc from '../support/fast-check.js';
import { NetworkGuest } from '../support/network-guest.js';
import { Random } from '../support/random.js';

const [FIN, SYN, RST, PSH, ACK] = [1, 2, 4, 8, 16];
const REMOTE = ipv4Address(93, 184, 216, 34);
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A connection that the host has opened, with the next sequence numbers of both ends. */
function opened(): { guest: NetworkGuest; next: number; expected: number } {
  const guest = new NetworkGuest(true);
  guest.sendSegment(REMOTE, { flags: SYN, segmentBytes: 500, window: 1200 });
  guest.network.deliver({ id: 1, what: 'connected' });
  const [answer] = guest.takeSegments();
  const expected = answer!.sequence + 1;
  guest.sendSegment(REMOTE, { flags: ACK, sequence: 1001, acknowledgment: expected, window: 1200 });
  guest.takeOrders();
  return { guest, next: 1001, expected };
}

t.test('a connection is opened when the host has opened it', async (t) => {
  const guest = new NetworkGuest(true);
  guest.sendSegment(REMOTE, { flags: SYN });
  guest.sendSegment(REMOTE, { flags: SYN });
  t.same(guest.takeOrders(), [['connect', 1, REMOTE, 80]]);
  t.same(guest.takeSegments(), []);
  t.equal(guest.network.room(1), 0);
  guest.network.deliver({ id: 1, what: 'connected' });
  t.equal(guest.network.room(1), BUFFER_BYTES);
  const syn = { flags: SYN | ACK, acknowledgment: 1001, segmentBytes: 1460, sourcePort: 80, destinationPort: 40_000 };
  t.match(guest.takeSegments(), [syn]);
  guest.sendSegment(REMOTE, { flags: SYN });
  t.match(guest.takeSegments(), [syn], 'again if the guest asks again');
});

t.test('a connection that the host cannot open', async (t) => {
  const guest = new NetworkGuest(true);
  guest.sendSegment(REMOTE, { flags: SYN });
  guest.network.deliver({ id: 1, what: 'refused' });
  t.match(guest.takeSegments(), [{ flags: RST | ACK, acknowledgment: 1001 }]);
  guest.sendSegment(REMOTE, { flags: SYN });
  guest.network.deliver({ id: 2, what: 'unreachable' });
  const [error] = guest.takeDatagrams();
  t.same([...error!.payload.subarray(0, 2)], [3, 1], 'host unreachable');
  t.same(
    [...error!.payload.subarray(28, 36)],
    [0x9c, 0x40, 0, 80, 0, 0, 3, 0xe8],
    'with the ports and the sequence number',
  );
  t.same(guest.network.accounts, []);
});

t.test('data in both directions, and the end of each', async (t) => {
  const { guest, next, expected } = opened();
  guest.sendSegment(REMOTE, {
    flags: ACK | PSH,
    sequence: next,
    acknowledgment: expected,
    data: bytesOf('GET'),
    window: 1200,
  });
  t.same(guest.takeOrders(), [['send', 1, bytesOf('GET')]]);
  t.match(guest.takeSegments(), [{ flags: ACK, acknowledgment: next + 3, window: BUFFER_BYTES - 3 }]);
  guest.network.deliver({ id: 1, what: 'taken', count: 3 });
  guest.network.deliver({ id: 1, what: 'data', bytes: new Uint8Array(1300).fill(7) });
  t.equal(guest.network.room(1), BUFFER_BYTES - 1300);
  const sent = guest.takeSegments();
  t.same(
    sent.map(({ sequence, data }) => [sequence - expected, data.length]),
    [
      [0, 500],
      [500, 500],
      [1000, 200],
    ],
    'as far as the window',
  );
  guest.network.deliver({ id: 1, what: 'end' });
  guest.sendSegment(REMOTE, { flags: ACK, sequence: next + 3, acknowledgment: expected + 1200, window: 1200 });
  const rest = guest.takeSegments();
  t.match(rest, [{ flags: ACK | PSH | FIN, sequence: expected + 1200 }], 'the end comes with the last data');
  t.equal(rest[0]!.data.length, 100);
  guest.sendSegment(REMOTE, { flags: ACK | FIN, sequence: next + 3, acknowledgment: expected + 1301 });
  t.same(guest.takeOrders(), [['end', 1]]);
  t.match(guest.takeSegments(), [{ flags: ACK, acknowledgment: next + 4 }]);
  t.same(guest.takeOrders(), [['drop', 1]], 'both ends have sent all');
  t.same(guest.network.accounts, []);
});

t.test('what does not fit is answered, and changes nothing', async (t) => {
  const { guest, next, expected } = opened();
  const challenge = [{ flags: ACK, sequence: expected, acknowledgment: next }];
  for (const [what, segment] of [
    ['data behind a gap', { sequence: next + 1, data: bytesOf('x') }],
    ['old data', { sequence: next - 1, data: bytesOf('x') }],
    ['data beyond the window', { sequence: next + BUFFER_BYTES, data: bytesOf('x') }],
    ['an acknowledgment of what was not sent', { sequence: next, acknowledgment: expected + 1 }],
    ['a SYN', { sequence: next, flags: SYN }],
    ['a reset in the window', { sequence: next + 1, flags: RST }],
  ] as const) {
    guest.sendSegment(REMOTE, { flags: ACK, acknowledgment: expected, ...segment });
    t.match(guest.takeSegments(), challenge, what);
  }
  guest.sendSegment(REMOTE, { flags: RST, sequence: next - 1 });
  t.same(guest.takeSegments(), [], 'a reset out of the window');
  t.same(guest.takeOrders(), []);
  guest.sendSegment(REMOTE, { flags: RST, sequence: next });
  t.same(guest.takeOrders(), [['drop', 1]]);
  t.same(guest.network.accounts, []);
});

t.test('a window that is closed', async (t) => {
  const { guest, next, expected } = opened();
  guest.sendSegment(REMOTE, { flags: ACK, sequence: next, acknowledgment: expected, window: 0 });
  guest.network.deliver({ id: 1, what: 'data', bytes: bytesOf('abc') });
  t.same(guest.takeSegments(), []);
  for (let probe = 0; probe < 20; probe++) {
    guest.clock.ticks = guest.network.nextChange;
    guest.network.update();
    t.match(guest.takeSegments(), [{ sequence: expected, data: bytesOf('a') }], 'one byte asks whether it is open');
    guest.sendSegment(REMOTE, { flags: ACK, sequence: next, acknowledgment: expected, window: 0 });
  }
  guest.sendSegment(REMOTE, { flags: ACK, sequence: next, acknowledgment: expected, window: 10 });
  guest.clock.ticks = guest.network.nextChange;
  guest.network.update();
  t.match(guest.takeSegments(), [{ sequence: expected, data: bytesOf('abc') }]);
});

t.test('the host takes nothing: the guest cannot send more than the window', async (t) => {
  const { guest, next, expected } = opened();
  let sent = 0;
  for (let count = 0; count < 100; count++) {
    guest.sendSegment(REMOTE, {
      flags: ACK,
      sequence: next + sent,
      acknowledgment: expected,
      data: new Uint8Array(1460),
    });
    const answer = guest.takeSegments().at(-1)!;
    sent = answer.acknowledgment - next;
    t.equal(answer.window, BUFFER_BYTES - sent);
  }
  t.equal(sent, BUFFER_BYTES);
  guest.network.deliver({ id: 1, what: 'taken', count: 1000 });
  t.same(guest.takeSegments(), [], 'a small window is not told');
  guest.network.deliver({ id: 1, what: 'taken', count: BUFFER_BYTES / 2 });
  t.match(guest.takeSegments(), [{ flags: ACK, window: 1000 + Math.floor(BUFFER_BYTES / 2) }]);
});

t.test('a guest that is gone', async (t) => {
  const { guest } = opened();
  guest.network.deliver({ id: 1, what: 'data', bytes: bytesOf('abc') });
  const sent: Segment[] = [];
  for (let times = 0; times < 100; times++) {
    sent.push(...guest.takeSegments());
    if (guest.network.nextChange === Infinity) break;
    guest.clock.ticks = guest.network.nextChange;
    guest.network.update();
  }
  const data = sent.filter((segment) => segment.data.length > 0);
  t.equal(data.length, 11, 'is tried ten times more');
  t.ok(data.every((segment) => segment.sequence === data[0]!.sequence));
  t.match(sent.slice(11), [{ flags: RST | ACK }]);
  t.match(guest.takeOrders(), [['drop', 1]]);
  t.same(guest.network.accounts, []);
});

t.test('ten thousand connections', async (t) => {
  const guest = new NetworkGuest(true);
  for (let count = 0; count < 10_000; count++) guest.sendSegment(REMOTE, { flags: SYN, sourcePort: 1024 + count });
  t.equal(guest.network.accounts.length, MOST_CONNECTIONS);
  t.equal(guest.takeOrders().length, MOST_CONNECTIONS);
  t.ok(
    guest.takeSegments().every(({ flags }) => flags === (RST | ACK)),
    'the others are reset',
  );
  guest.network.restart(true);
  t.equal(guest.takeSegments().length, MOST_CONNECTIONS, 'another host resets all');
  t.same(guest.network.accounts, []);
  guest.sendSegment(GATEWAY.address, { flags: SYN });
  t.equal(guest.network.accounts.length, 1);
  guest.network.reset();
  t.same(guest.network.accounts, [], 'and so does a reset of the device, without a word');
  t.same(guest.takeFrames(), []);
});

/** The guest's TCP: it takes what is next, and sends again what was not acknowledged. */
class Peer {
  readonly received: Uint8Array[] = [];
  hasEnd = false;
  private receiveNext = 0;
  private acknowledged = 0;
  private sendNext = 0;
  private window = 0;
  private readonly begin = 0xffff_fff0;
  private isOpen = false;

  constructor(
    private readonly guest: NetworkGuest,
    private readonly data: Uint8Array,
    private readonly ownWindow: () => number,
  ) {}

  private send(segment: Partial<Segment>, isLost: boolean): void {
    const sequence = (this.begin + this.sendNext) >>> 0;
    const rest = { acknowledgment: this.receiveNext, window: this.ownWindow() };
    if (!isLost) this.guest.sendSegment(REMOTE, { sequence, ...rest, ...segment });
  }

  /** Sends a SYN, or some data, or the end. Returns whether there was anything. */
  step(isLost: boolean, most: number): boolean {
    const { data } = this;
    if (!this.isOpen) this.send({ flags: SYN, sequence: (this.begin - 1) >>> 0, segmentBytes: 1000 }, isLost);
    if (!this.isOpen) return true;
    const limit = Math.min(data.length, this.acknowledged + this.window);
    const bytes = data.subarray(this.sendNext, Math.min(limit, this.sendNext + most));
    const isLast = this.sendNext + bytes.length === data.length;
    if (bytes.length === 0 && !(isLast && this.sendNext === data.length)) return false;
    this.send({ flags: ACK | (isLast ? FIN : 0), data: bytes }, isLost);
    this.sendNext += bytes.length + (isLast ? 1 : 0);
    return true;
  }

  /** Goes back to what was not acknowledged. */
  retry(): void {
    this.sendNext = this.acknowledged;
  }

  get isDone(): boolean {
    return this.acknowledged === this.data.length + 1 && this.hasEnd;
  }

  receive(segment: Segment, isLost: boolean): void {
    if (!this.isOpen && segment.flags & SYN) {
      this.isOpen = true;
      this.receiveNext = segment.sequence;
    }
    const length = (segment.acknowledgment - this.begin) >>> 0;
    if (this.isOpen && length <= this.data.length + 1) {
      this.acknowledged = Math.max(this.acknowledged, length);
      this.sendNext = Math.max(this.sendNext, this.acknowledged);
      this.window = segment.window;
    }
    if (lengthInSequence(segment) === 0) return;
    if (segment.sequence === this.receiveNext) {
      this.receiveNext = (this.receiveNext + lengthInSequence(segment)) >>> 0;
      this.received.push(segment.data.slice());
      this.hasEnd ||= (segment.flags & FIN) !== 0;
    }
    this.send({ flags: ACK }, isLost);
  }
}

t.test('streams arrive as they were sent, whatever is lost', async () => {
  fc.assert(
    fc.property(
      fc.record({
        seed: fc.integer({ min: 0, max: 2 ** 31 }),
        up: fc.integer({ min: 0, max: 80_000 }),
        down: fc.integer({ min: 0, max: 80_000 }),
        loss: fc.constantFrom(0, 5, 30),
      }),
      ({ seed, up, down, loss }) => {
        const random = new Random(seed);
        const pattern = (length: number, step: number): Uint8Array =>
          Uint8Array.from({ length }, (_, at) => (at * step) >> 3);
        const [upData, downData] = [pattern(up, 7), pattern(down, 11)];
        const guest = new NetworkGuest(true);
        const peer = new Peer(guest, upData, () => (random.below(20) === 0 ? 0 : random.below(65_536)));
        const isLost = (): boolean => random.below(100) < loss;
        const host = {
          received: [] as Uint8Array[],
          untaken: 0,
          sent: 0,
          hasEnded: false,
          knowsEnd: false,
          isGone: false,
        };
        const id = 1;
        for (let steps = 0; !(peer.isDone && host.isGone); steps++) {
          if (steps > 20_000) throw new Error('no progress');
          for (const [what, , bytes] of guest.takeOrders()) {
            if (what === 'connect') guest.network.deliver({ id, what: 'connected' });
            if (what === 'send') host.received.push(bytes as Uint8Array);
            if (what === 'send') host.untaken += (bytes as Uint8Array).length;
            if (what === 'end') host.knowsEnd = true;
            if (what === 'drop') host.isGone = true;
          }
          if (host.untaken > 0 && random.below(3) > 0) {
            const count = 1 + random.below(host.untaken);
            host.untaken -= count;
            guest.network.deliver({ id, what: 'taken', count });
          }
          const count = Math.min(guest.network.room(id), downData.length - host.sent, random.below(9000));
          if (count > 0) {
            guest.network.deliver({ id, what: 'data', bytes: downData.subarray(host.sent, (host.sent += count)) });
          } else if (host.sent === downData.length && !host.hasEnded && guest.network.room(id) > 0) {
            host.hasEnded = true;
            guest.network.deliver({ id, what: 'end' });
          }
          let isBusy = peer.step(isLost(), 1 + random.below(1460));
          for (const segment of guest.takeSegments()) {
            isBusy = true;
            if (!isLost()) peer.receive(segment, isLost());
          }
          if (isBusy && random.below(50) > 0) continue;
          peer.retry();
          if (guest.network.nextChange < Infinity) guest.clock.ticks = guest.network.nextChange;
          guest.network.update();
        }
        const same = (parts: readonly Uint8Array[], whole: Uint8Array): boolean =>
          Buffer.compare(concatenated(parts), whole) === 0;
        return same(host.received, upData) && same(peer.received, downData) && host.knowsEnd;
      },
    ),
    { numRuns: 15 },
  );
});
