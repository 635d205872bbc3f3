/** Requests of ioctl about the only network interface, lo. netdevice(7) */
import { wordBytes } from '../../../../bits.js';
import { LinuxErrno, failed } from '../../errno.js';
import type { LinuxContext } from '../../call.js';
import { addressOf } from '../../sockets/address.js';
import { AF_INET } from '../../sockets/constants.js';
import { LOOPBACK } from '../../sockets/loopback.js';
import type { Socket } from '../../sockets/socket.js';
import { bytesAt, putBytes, putFields, viewAt } from '../../user-data.js';

const { EINVAL, ENODEV } = LinuxErrno;

/* include/uapi/linux/sockios.h */
const SIOCGIFNAME = 0x8910;
const SIOCGIFCONF = 0x8912;
const SIOCGIFFLAGS = 0x8913;
const SIOCGIFADDR = 0x8915;
const SIOCGIFDSTADDR = 0x8917;
const SIOCGIFBRDADDR = 0x8919;
const SIOCGIFNETMASK = 0x891b;
const SIOCGIFMETRIC = 0x891d;
const SIOCGIFMTU = 0x8921;
const SIOCGIFHWADDR = 0x8927;
const SIOCGIFINDEX = 0x8933;
const SIOCGIFTXQLEN = 0x8942;
const SIOCGIFMAP = 0x8970;

/** struct ifreq: the name of an interface, then a union of the values that requests return. */
const NAME_BYTES = 16;
const REQUEST_BYTES = 40;
const TOLD_BYTES = REQUEST_BYTES - NAME_BYTES;

const NAME = new TextEncoder().encode(LOOPBACK.name);

/** Values that sockets of AF_INET can ask for: struct sockaddr_in. */
const ADDRESSES: ReadonlyMap<number, Uint8Array> = new Map([
  [SIOCGIFADDR, inetAddress(LOOPBACK.host)],
  [SIOCGIFDSTADDR, inetAddress(LOOPBACK.host)],
  [SIOCGIFBRDADDR, inetAddress(new Uint8Array(4))],
  [SIOCGIFNETMASK, inetAddress(Uint8Array.of(255, 0, 0, 0))],
]);

/** Values that every socket can ask for. */
const TOLD: ReadonlyMap<number, Uint8Array> = new Map([
  [SIOCGIFFLAGS, wordBytes(LOOPBACK.flags)],
  [SIOCGIFMETRIC, wordBytes(0)],
  [SIOCGIFMTU, wordBytes(LOOPBACK.mtu)],
  [SIOCGIFHWADDR, wordBytes(LOOPBACK.type)],
  [SIOCGIFINDEX, wordBytes(LOOPBACK.index)],
  [SIOCGIFTXQLEN, wordBytes(LOOPBACK.queueLength)],
  [SIOCGIFMAP, new Uint8Array(TOLD_BYTES)],
]);

/** struct sockaddr_in without a port. */
function inetAddress(host: Uint8Array): Uint8Array {
  return addressOf({ host, port: 0 }, AF_INET);
}

/** The result of a request to a socket; undefined for one that is not about interfaces. */
export function interfaceRequest(
  context: LinuxContext,
  { kind }: Socket,
  request: number,
  address: bigint,
): bigint | undefined {
  if (request === SIOCGIFCONF) return configuration(context, address);
  if (request === SIOCGIFNAME) {
    if (viewAt(context, address, REQUEST_BYTES).getInt32(NAME_BYTES, true) !== LOOPBACK.index) return failed(ENODEV);
    const name = new Uint8Array(NAME_BYTES);
    name.set(NAME);
    putBytes(context, address, name);
    return 0n;
  }
  const told = TOLD.get(request) ?? (kind.domain === AF_INET ? ADDRESSES.get(request) : undefined);
  if (!told) return undefined;
  const given = new TextDecoder().decode(bytesAt(context, address, NAME_BYTES));
  if (given.replace(/[\0:].*$/s, '') !== LOOPBACK.name) return failed(ENODEV);
  putBytes(context, address + BigInt(NAME_BYTES), told);
  return 0n;
}

/** The interfaces that have an address of AF_INET, as far as there is room: struct ifconf. */
function configuration(context: LinuxContext, address: bigint): bigint {
  const view = viewAt(context, address, 16);
  const [room, list] = [view.getInt32(0, true), view.getBigUint64(8, true)];
  if (room < 0) return failed(EINVAL);
  const isTold = list === 0n || room >= REQUEST_BYTES;
  if (list !== 0n && isTold) {
    const told = new Uint8Array(REQUEST_BYTES);
    told.set(NAME);
    told.set(inetAddress(LOOPBACK.host), NAME_BYTES);
    putBytes(context, list, told);
  }
  return putFields(context, address, 4, (fields) => fields.setInt32(0, isTold ? REQUEST_BYTES : 0, true));
}
