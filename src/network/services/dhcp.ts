import { viewOf } from '../../bits.js';
import { BROADCAST_ADDRESS, GATEWAY, GUEST, NAME_SERVER, NETWORK_MASK } from '../addresses.js';

/**
 * The server of the Dynamic Host Configuration Protocol, which has one address to give. RFC 2131 2:
 *
 *     0  op:8, 1 or 2    1  hardware type:8 = 1    2  address length:8 = 6    4  transaction:32    8  seconds:16
 *    10  flags:16   12  client's address:32   16  your address:32   20  next server:32   24  relay:32
 *    28  client's MAC:48, padded to 16 bytes   44  names   236  63825363h   240  options
 */
const MESSAGE_BYTES = 240;
/** The least that clients of BOOTP take. */
const LEAST_BYTES = 300;
const REQUEST = 1;
const REPLY = 2;
const MAGIC = 0x6382_5363;
const BROADCAST_FLAG = 0x8000;

export const DHCP_PORTS = { server: 67, client: 68 } as const;

/** Options of RFC 2132. */
const OPTION = {
  ...{ pad: 0, mask: 1, router: 3, nameServer: 6, requestedAddress: 50, leaseSeconds: 51, type: 53, server: 54 },
  end: 255,
} as const;

/** Types of messages: RFC 2132 9.6. */
const DISCOVER = 1;
const OFFER = 2;
const REQUESTED = 3;
const ACK = 5;
const NAK = 6;
const INFORM = 8;

const LEASE_SECONDS = 86_400;

export interface DhcpReply {
  readonly message: Uint8Array;
  /** Where it goes. */
  readonly address: number;
}

/** The answer to a client, of a network that has a name server or not; undefined if there is none. RFC 2131 4.3. */
export function dhcpReply(message: Uint8Array, hasNameServer: boolean): DhcpReply | undefined {
  if (message.length < MESSAGE_BYTES) return undefined;
  const view = viewOf(message);
  const isRequest = message[0] === REQUEST && message[1] === 1 && message[2] === 6 && view.getUint32(236) === MAGIC;
  const options = isRequest ? readOptions(message.subarray(MESSAGE_BYTES)) : undefined;
  const type = options && answerTo(view, options);
  if (type === undefined) return undefined;
  // An address that a client has on its own is not given.
  const isInform = options!.get(OPTION.type)![0] === INFORM;
  const given = type === NAK || isInform ? 0 : GUEST.address;
  return { message: replyOf(message, type, given, hasNameServer), address: addressFor(view, type) };
}

type Options = ReadonlyMap<number, Uint8Array>;

/** Undefined for malformed ones. */
function readOptions(bytes: Uint8Array): Options | undefined {
  const options = new Map<number, Uint8Array>();
  for (let at = 0; at < bytes.length && bytes[at] !== OPTION.end;) {
    const code = bytes[at++]!;
    if (code === OPTION.pad) continue;
    const length = bytes[at++];
    if (length === undefined || at + length > bytes.length) return undefined;
    options.set(code, bytes.subarray(at, at + length));
    at += length;
  }
  return options;
}

/** The type of the answer. */
function answerTo(view: DataView, options: Options): number | undefined {
  const type = options.get(OPTION.type);
  const server = addressIn(options, OPTION.server);
  switch (type?.length === 1 ? type[0] : undefined) {
    case DISCOVER:
      return OFFER;
    case REQUESTED: {
      // The client has chosen another server.
      if (server !== undefined && server !== GATEWAY.address) return undefined;
      const wanted = addressIn(options, OPTION.requestedAddress) ?? view.getUint32(12);
      return wanted === GUEST.address ? ACK : NAK;
    }
    case INFORM:
      return ACK;
    default:
      return undefined;
  }
}

function addressIn(options: Options, code: number): number | undefined {
  const bytes = options.get(code);
  return bytes?.length === 4 ? viewOf(bytes).getUint32(0) : undefined;
}

/** RFC 2131 4.1. */
function addressFor(view: DataView, type: number): number {
  const client = view.getUint32(12);
  if (type === NAK) return BROADCAST_ADDRESS;
  if (client !== 0) return client;
  return view.getUint16(10) & BROADCAST_FLAG ? BROADCAST_ADDRESS : GUEST.address;
}

function replyOf(request: Uint8Array, type: number, given: number, hasNameServer: boolean): Uint8Array {
  const reply = new Uint8Array(LEAST_BYTES);
  reply.set(request.subarray(0, 44));
  reply[0] = REPLY;
  reply[3] = 0;
  const view = viewOf(reply);
  view.setUint16(8, 0);
  if (type === NAK) view.setUint32(12, 0);
  view.setUint32(16, given);
  view.setUint32(20, 0);
  view.setUint32(236, MAGIC);
  const options: (readonly [code: number, value: number])[] = [[OPTION.server, GATEWAY.address]];
  if (type !== NAK) options.push([OPTION.mask, NETWORK_MASK], [OPTION.router, GATEWAY.address]);
  if (type !== NAK && hasNameServer) options.push([OPTION.nameServer, NAME_SERVER.address]);
  if (given !== 0) options.push([OPTION.leaseSeconds, LEASE_SECONDS]);
  let at = MESSAGE_BYTES;
  reply.set([OPTION.type, 1, type], at);
  at += 3;
  for (const [code, value] of options) {
    reply.set([code, 4], at);
    view.setUint32(at + 2, value);
    at += 6;
  }
  reply[at] = OPTION.end;
  return reply;
}
