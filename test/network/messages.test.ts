/** Messages of the user-mode network, byte by byte: what the RFCs say, worked out by hand. */
import t from 'tap';
import { bytesToHex } from '../../src/bits.js';
import { GATEWAY, GUEST, ipv4Address } from '../../src/network/addresses.js';
import { internetChecksum } from '../../src/network/checksum.js';
import { readDatagram, writeDatagram } from '../../src/network/ipv4.js';
import { readSegment, writeSegment } from '../../src/network/tcp/segment.js';
import { readUdp, writeUdp } from '../../src/network/udp.js';
import fc from '../support/fast-check.js';
import { NetworkGuest, fromHex } from '../support/network-guest.js';

t.test('the checksum', async (t) => {
  t.equal(internetChecksum(fromHex('0001 f203 f4f5 f6f7')), 0xffff - 0xddf2, 'the example of RFC 1071 3');
  t.equal(internetChecksum(fromHex('0001 f203'), fromHex('f4f5 f6f7')), 0x220d, 'in parts');
  t.equal(internetChecksum(fromHex('0001 f2')), 0xffff - 0xf201, 'an odd byte is the high one');
  t.equal(internetChecksum(), 0xffff);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      let sum = 0n;
      for (let at = 0; at < bytes.length; at += 2) sum += BigInt(bytes[at]! * 256 + (bytes[at + 1] ?? 0));
      // The one's complement sum is the remainder by 2^16 - 1, except that only 0 itself has the sum 0.
      const rest = sum === 0n ? 0n : ((sum - 1n) % 0xffffn) + 1n;
      return internetChecksum(bytes) === 0xffff - Number(rest);
    }),
  );
});

t.test('a header of IPv4', async (t) => {
  const header = fromHex('4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7');
  const bytes = new Uint8Array(0x73);
  bytes.set(header);
  const [source, destination] = [ipv4Address(192, 168, 0, 1), ipv4Address(192, 168, 0, 199)];
  const found = readDatagram(Uint8Array.from([...bytes, 1, 2, 3]))!;
  t.same(
    { ...found, payload: found.payload.length, bytes: found.bytes.length },
    {
      ...{ source, destination, protocol: 17, payload: 0x73 - 20, bytes: 0x73, headerBytes: 20 },
    },
  );
  t.equal(
    bytesToHex(writeDatagram({ source, destination, protocol: 17, payload: bytes.subarray(20) }, 0)),
    bytesToHex(bytes),
  );
  for (const [what, at, value] of [
    ['a wrong checksum', 10, 0xb9],
    ['version 6', 0, 0x65],
    ['a header of 16 bytes', 0, 0x44],
    ['a length below that of the header', 3, 0x13],
    ['a longer length', 3, 0x74],
  ] as const) {
    const changed = bytes.slice();
    changed[at] = value;
    if (at !== 10) fixChecksum(changed);
    t.equal(readDatagram(changed), undefined, what);
  }
  const fragment = bytes.slice();
  fragment[6] = 0x20;
  fixChecksum(fragment);
  t.equal(readDatagram(fragment), undefined, 'a fragment');
});

function fixChecksum(bytes: Uint8Array): void {
  bytes.set([0, 0], 10);
  const sum = internetChecksum(bytes.subarray(0, Math.min((bytes[0]! & 15) * 4, bytes.length)));
  bytes.set([sum >> 8, sum & 0xff], 10);
}

t.test('UDP and TCP', async (t) => {
  const ends = { source: GUEST.address, destination: GATEWAY.address };
  // 0a00 + 020f + 0a00 + 0202 + 0011 + 000a = 182c; 0035 + 0044 + 000a + 0102 = 0185; the sum is 19b1.
  const udp = fromHex('0035 0044 000a e64e 0102');
  t.equal(
    bytesToHex(writeUdp(ends, { sourcePort: 53, destinationPort: 68, data: fromHex('0102') }).payload),
    bytesToHex(udp),
  );
  t.same(readUdp({ ...ends, protocol: 17, payload: udp })?.data, fromHex('0102'));
  t.equal(
    readUdp({ ...ends, protocol: 17, payload: fromHex('0035 0044 000a e64f 0102') }),
    undefined,
    'a wrong checksum',
  );
  t.ok(readUdp({ ...ends, protocol: 17, payload: fromHex('0035 0044 000a 0000 0102') }), 'none');
  t.equal(readUdp({ ...ends, protocol: 17, payload: fromHex('0035 0044 000b 0000 0102') }), undefined, 'too short');
  const syn = {
    ...{ sourcePort: 1, destinationPort: 2, sequence: 3, acknowledgment: 4, flags: 2, window: 5, segmentBytes: 1460 },
    data: new Uint8Array(),
  };
  // 0a00 + 020f + 0a00 + 0202 + 0006 + 0018 = 182f; 1 + 2 + 3 + 4 + 6002 + 5 + 0204 + 05b4 = 67c9; the sum is 7ff8.
  const bytes = fromHex('0001 0002 0000 0003 0000 0004 6002 0005 8007 0000 0204 05b4');
  t.equal(bytesToHex(writeSegment(ends, syn).payload), bytesToHex(bytes));
  t.same(readSegment({ ...ends, protocol: 6, payload: bytes }), syn);
  bytes[16] = 0x81;
  t.equal(readSegment({ ...ends, protocol: 6, payload: bytes }), undefined, 'a wrong checksum');
});

const GUEST_MAC = '525400123456';
const GATEWAY_MAC = '52550a000202';

t.test('ARP', async (t) => {
  const guest = new NetworkGuest(false);
  const ask = (address: string): string[] => {
    const request = `ffffffffffff ${GUEST_MAC} 0806 0001 0800 0604 0001 ${GUEST_MAC} 0a00020f 000000000000 ${address}`;
    guest.network.receive(fromHex(request));
    return guest.takeFrames().map(bytesToHex);
  };
  const reply = `${GUEST_MAC}${GATEWAY_MAC}0806 0001 0800 0604 0002 ${GATEWAY_MAC} 0a000202 ${GUEST_MAC} 0a00020f`;
  t.same(ask('0a000202'), [reply.replaceAll(' ', '')]);
  t.same(ask('0a00020f'), [], 'nobody but the guest has its address');
  t.same(ask('0a000203'), [], 'a closed network has no name server');
});

t.test('ICMP echo', async (t) => {
  const guest = new NetworkGuest(false);
  const payload = fromHex('0800 3337 0001 0001 6162 6364');
  guest.send({ source: GUEST.address, destination: GATEWAY.address, protocol: 1, payload });
  t.same(
    guest.takeFrames().map(bytesToHex),
    [
      `${GUEST_MAC}${GATEWAY_MAC}0800 4500 0020 0001 4000 4001 22cc 0a000202 0a00020f 0000 3b37 0001 0001 6162 6364`,
    ].map((text) => text.replaceAll(' ', '')),
  );
  payload[2] = 0x34;
  guest.send({ source: GUEST.address, destination: GATEWAY.address, protocol: 1, payload });
  t.same(guest.takeFrames(), [], 'a wrong checksum');
});

t.test('what a closed network does not deliver', async (t) => {
  const guest = new NetworkGuest(false);
  const [source, far] = [GUEST.address, ipv4Address(1, 2, 3, 4)];
  const near = ipv4Address(10, 0, 2, 99);
  const data = Uint8Array.from({ length: 20 }, (_, index) => index);
  for (const [destination, protocol, code] of [
    [GATEWAY.address, 17, 3],
    [GATEWAY.address, 99, 2],
    [far, 17, 13],
    [far, 99, 13],
    [near, 17, 1],
    [near, 99, 1],
  ] as const) {
    const sent =
      protocol === 17 ? writeUdp({ source, destination }, { sourcePort: 9, destinationPort: 53, data }).payload : data;
    guest.send({ source, destination, protocol, payload: sent });
    const [found, ...others] = guest.takeDatagrams();
    t.same(others, []);
    t.equal(found?.protocol, 1);
    t.equal(found?.source, GATEWAY.address);
    t.same([...found!.payload.subarray(0, 2)], [3, code], `${destination.toString(16)}, protocol ${protocol}`);
    t.same(found!.payload.subarray(28), sent.subarray(0, 8), 'shows the first 8 bytes');
  }
  guest.sendSegment(GATEWAY.address, { flags: 2, sequence: 7 });
  t.match(
    guest.takeSegments(),
    [{ flags: 0x14, sequence: 0, acknowledgment: 8, sourcePort: 80 }],
    'a port that refuses',
  );
  guest.sendSegment(GATEWAY.address, { flags: 0x10, acknowledgment: 77 });
  t.match(guest.takeSegments(), [{ flags: 4, sequence: 77 }]);
  guest.sendSegment(GATEWAY.address, { flags: 4 });
  t.same(guest.takeFrames(), [], 'nothing answers a reset');
  guest.sendSegment(far, { flags: 2 });
  t.same([...guest.takeDatagrams()[0]!.payload.subarray(0, 2)], [3, 13]);
  guest.send({ source, destination: far, protocol: 1, payload: fromHex('0303 0000 0000 0000') });
  guest.send({ source, destination: ipv4Address(255, 255, 255, 255), protocol: 99, payload: data });
  guest.send({ source, destination: ipv4Address(127, 0, 0, 1), protocol: 99, payload: data });
  guest.send({ source: far, destination: GATEWAY.address, protocol: 99, payload: data });
  guest.send({ source, destination: GATEWAY.address, protocol: 99, payload: data }, { mac: 0x0100_5e00_0001 });
  t.same(guest.takeFrames(), [], 'nor errors, broadcasts, loopback, other sources');
  t.same(guest.orders, []);
});
