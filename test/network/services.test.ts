/** The DHCP server and the name server of the user-mode network. */
import t from 'tap';
import { bytesToHex } from '../../src/bits.js';
import {
  BROADCAST_ADDRESS,
  BROADCAST_MAC,
  GATEWAY,
  GUEST,
  NAME_SERVER,
  ipv4Address,
} from '../../src/network/addresses.js';
import { readFrame } from '../../src/network/ethernet.js';
import { readDatagram, type ReceivedDatagram } from '../../src/network/ipv4.js';
import { MOST_LOOKUPS } from '../../src/network/services/name-service.js';
import { readUdp, writeUdp } from '../../src/network/udp.js';
import { NetworkGuest, fromHex } from '../support/network-guest.js';

interface Request {
  readonly flags?: number;
  readonly client?: number;
  /** In hexadecimal, behind the magic number. */
  readonly options: string;
}

function dhcpMessage({ flags = 0, client = 0, options }: Request): Uint8Array {
  const message = new Uint8Array(300);
  message.set(fromHex('0101 0600 12345678 0005'));
  const view = new DataView(message.buffer);
  view.setUint16(10, flags);
  view.setUint32(12, client);
  message.set(fromHex('525400123456'), 28);
  message.set(fromHex(`63825363${options}`), 236);
  return message;
}

/** The answer of the server, with where it goes, and its options in hexadecimal by their codes. */
function ask(guest: NetworkGuest, request: Request) {
  const ends = { source: request.client ?? 0, destination: BROADCAST_ADDRESS };
  guest.send(writeUdp(ends, { sourcePort: 68, destinationPort: 67, data: dhcpMessage(request) }));
  const [frame, ...others] = guest.takeFrames().map((bytes) => readFrame(bytes)!);
  t.same(others, []);
  if (!frame) return undefined;
  const datagram = readDatagram(frame.payload) as ReceivedDatagram;
  const { data, sourcePort, destinationPort } = readUdp(datagram)!;
  t.same([sourcePort, destinationPort, datagram.source], [67, 68, GATEWAY.address]);
  t.same(bytesToHex(data.subarray(0, 8)), '0201060012345678');
  t.same(bytesToHex(data.subarray(28, 34)), '525400123456');
  t.ok(data.length >= 300);
  const options: Record<number, string> = {};
  for (let at = 240; data[at] !== 255; at += 2 + data[at + 1]!)
    options[data[at]!] = bytesToHex(data.subarray(at + 2, at + 2 + data[at + 1]!));
  const given = new DataView(data.buffer, data.byteOffset).getUint32(16);
  return { mac: frame.destination, to: datagram.destination, given, options };
}

const NETWORK = { 1: 'ffffff00', 3: '0a000202', 54: '0a000202' };

t.test('DHCP', async (t) => {
  const [guest, open] = [new NetworkGuest(false), new NetworkGuest(true)];
  const { address, mac } = GUEST;
  t.same(ask(guest, { options: '350101 3704 01030633 ff' }), {
    ...{ mac, to: address, given: address, options: { ...NETWORK, 53: '02', 51: '00015180' } },
  });
  t.same(ask(open, { flags: 0x8000, options: '350101 ff' }), {
    ...{ mac: BROADCAST_MAC, to: BROADCAST_ADDRESS, given: address },
    options: { ...NETWORK, 53: '02', 51: '00015180', 6: '0a000203' },
  });
  t.match(ask(guest, { options: '350103 32040a00020f 36040a000202 ff' }), { given: address, options: { 53: '05' } });
  t.match(ask(guest, { client: address, options: '350103 ff' }), { to: address, options: { 53: '05' } }, 'renewed');
  t.same(ask(guest, { options: '350103 32040a000210 ff' }), {
    ...{ mac: BROADCAST_MAC, to: BROADCAST_ADDRESS, given: 0, options: { 53: '06', 54: '0a000202' } },
  });
  t.equal(ask(guest, { options: '350103 32040a00020f 36040a000209 ff' }), undefined, 'another server was chosen');
  t.match(ask(guest, { client: ipv4Address(10, 0, 2, 20), options: '350108 ff' }), {
    given: 0,
    options: { 53: '05', 51: undefined },
  });
  for (const options of ['350107 ff', '3501 ff', '35020101 ff', '3509', 'ff', '350199 ff'])
    t.equal(ask(guest, { options }), undefined, options);
});

/** A query of a name in hexadecimal. */
function query(name: string, { type = '0001', flags = '0100', rest = '0001' } = {}): Uint8Array {
  return fromHex(`beef ${flags} ${rest} 0000 0000 0000 ${name} ${type} 0001`);
}
/** bd0.example */
const NAME = '03 626430 07 6578616d706c65 00';

t.test('names', async (t) => {
  const guest = new NetworkGuest(true);
  const send = (data: Uint8Array, sourcePort = 4000): string[] => {
    guest.sendUdp(NAME_SERVER.address, { sourcePort, destinationPort: 53, data });
    return guest.takeUdp().map((message) => bytesToHex(message.data));
  };
  t.same(send(query(NAME)), []);
  t.same(guest.takeOrders(), [['lookUp', 1, 'bd0.example']]);
  guest.network.deliver({ id: 1, what: 'addresses', addresses: [ipv4Address(1, 2, 3, 4), ipv4Address(5, 6, 7, 8)] });
  const [reply] = guest.takeUdp();
  t.match(reply, { sourcePort: 53, destinationPort: 4000 });
  const question = bytesToHex(fromHex(NAME));
  const answer = 'c00c 0001 0001 0000003c 0004'.replaceAll(' ', '');
  t.equal(bytesToHex(reply!.data), `beef81800001000200000000${question}00010001${answer}01020304${answer}05060708`);
  send(query(NAME));
  guest.network.deliver({ id: 2, what: 'addresses', addresses: [] });
  guest.network.deliver({ id: 2, what: 'addresses', addresses: [] });
  t.same(
    guest.takeUdp().map(({ data }) => bytesToHex(data.subarray(2, 4))),
    ['8183'],
    'no such name, once',
  );
  send(query(NAME));
  guest.network.deliver({ id: 3, what: 'no answer' });
  t.same(
    guest.takeUdp().map(({ data }) => bytesToHex(data.subarray(2, 4))),
    ['8182'],
    'a failure',
  );
  guest.takeOrders();
  for (const [what, message, code] of [
    ['other types have no answer', query(NAME, { type: '001c' }), '8180'],
    ['names that no host has', query('02 2e2e 00'), '8183'],
    ['the root', query('00'), '8183'],
    ['a label that is too long', query('40 00 00'), '8181'],
    ['a compressed name', query('c00c'), '8181'],
    ['a name without an end', fromHex('beef 0100 0001 0000 0000 0000 03 6264'), '8181'],
    ['two questions', query(NAME, { rest: '0002' }), '8181'],
    ['another operation', query(NAME, { flags: '2900' }), 'a984'],
  ] as const)
    t.same(
      send(message).map((text) => text.slice(4, 8)),
      [code],
      what,
    );
  t.same(send(query(NAME, { flags: '8100' })), [], 'a response is not answered');
  t.same(send(fromHex('beef')), []);
  t.same(guest.takeOrders(), []);
  for (let count = 0; count < MOST_LOOKUPS; count++) t.same(send(query(NAME)), []);
  t.same(
    send(query(NAME)).map((text) => text.slice(4, 8)),
    ['8182'],
    'too many at a time',
  );
  t.equal(guest.network.accounts.length, MOST_LOOKUPS);
  guest.network.restart(false);
  t.equal(guest.takeUdp().length, MOST_LOOKUPS, 'all end when the host is another one');
  guest.sendUdp(NAME_SERVER.address, { sourcePort: 4000, destinationPort: 53, data: query(NAME) });
  t.same([...guest.takeDatagrams()[0]!.payload.subarray(0, 2)], [3, 1], 'a closed network has no name server');
});
