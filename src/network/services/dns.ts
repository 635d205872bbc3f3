import { concatenated, viewOf } from '../../bits.js';

/**
 * Messages of the Domain Name System, RFC 1035 4.1:
 *
 *     0  identification:16    2  response:1, opcode:4, authoritative:1, truncated:1, recursion desired:1,
 *                                recursion available:1, 0:3, response code:4
 *     4  questions:16    6  answers:16    8  authorities:16   10  additional records:16   12  questions, answers ...
 *
 * A question is a name, a type and a class of 16 bits; a name is a list of labels, each behind its length, which ends with 0.
 */
const HEADER_BYTES = 12;
const RESPONSE = 0x8000;
const OPCODE = 0x7800;
const RECURSION_DESIRED = 0x0100;
const RECURSION_AVAILABLE = 0x0080;
const TYPE_A = 1;
const CLASS_INTERNET = 1;
const MOST_NAME_BYTES = 255;
const MOST_LABEL_BYTES = 63;
/** So that a response fits into 512 bytes. */
const MOST_ANSWERS = 8;
/** Seconds for which an answer holds: the network has no better knowledge. */
const ANSWER_SECONDS = 60;
/** The name of an answer is that of the question, which begins behind the header: RFC 1035 4.1.4. */
const POINTER_TO_QUESTION = 0xc000 | HEADER_BYTES;

export const DNS_PORT = 53;

/** Response codes: RFC 1035 4.1.1. */
const CODES = { 'no error': 0, malformed: 1, failure: 2, 'no name': 3, 'not implemented': 4, refused: 5 } as const;
export type ResponseCode = keyof typeof CODES;

export interface DnsQuery {
  readonly identification: number;
  readonly flags: number;
  /** The question as it stands in the message; empty if it is malformed. */
  readonly question: Uint8Array;
  /** The name to look an address up for, with dots between its labels; otherwise the code of the response. */
  readonly asks: { readonly name: string } | ResponseCode;
}

/** Reads a query; undefined for any other message. */
export function readQuery(message: Uint8Array): DnsQuery | undefined {
  if (message.length < HEADER_BYTES) return undefined;
  const view = viewOf(message);
  const [identification, flags] = [view.getUint16(0), view.getUint16(2)];
  if (flags & RESPONSE) return undefined;
  const refusal = (code: ResponseCode): DnsQuery => ({
    ...{ identification, flags, question: new Uint8Array(), asks: code },
  });
  if (flags & OPCODE) return refusal('not implemented');
  const name = view.getUint16(4) === 1 ? readName(message) : undefined;
  if (!name || name.end + 4 > message.length) return refusal('malformed');
  const [type, cls] = [view.getUint16(name.end), view.getUint16(name.end + 2)];
  const question = message.slice(HEADER_BYTES, name.end + 4);
  if (cls !== CLASS_INTERNET) return { identification, flags, question, asks: 'refused' };
  if (type !== TYPE_A) return { identification, flags, question, asks: 'no error' };
  const isHostName = name.labels.length > 0 && name.labels.every((label) => /^[\w-]+$/.test(label));
  return { identification, flags, question, asks: isHostName ? { name: name.labels.join('.') } : 'no name' };
}

function readName(message: Uint8Array): { readonly labels: readonly string[]; readonly end: number } | undefined {
  const labels: string[] = [];
  for (let at = HEADER_BYTES; at < HEADER_BYTES + MOST_NAME_BYTES;) {
    const length = message[at++];
    if (length === undefined || length > MOST_LABEL_BYTES || at + length > message.length) return undefined;
    if (length === 0) return { labels, end: at };
    labels.push(String.fromCharCode(...message.subarray(at, at + length)));
    at += length;
  }
  return undefined;
}

/** The response to a query, with IPv4 addresses for its name. */
export function dnsResponse(
  { identification, flags, question }: Pick<DnsQuery, 'identification' | 'flags' | 'question'>,
  code: ResponseCode,
  addresses: readonly number[] = [],
): Uint8Array {
  const shown = addresses.slice(0, MOST_ANSWERS);
  const header = new Uint8Array(HEADER_BYTES);
  const view = viewOf(header);
  view.setUint16(0, identification);
  view.setUint16(2, RESPONSE | RECURSION_AVAILABLE | (flags & (OPCODE | RECURSION_DESIRED)) | CODES[code]);
  view.setUint16(4, question.length > 0 ? 1 : 0);
  view.setUint16(6, shown.length);
  return concatenated([header, question, ...shown.map(answer)]);
}

function answer(address: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = viewOf(bytes);
  view.setUint16(0, POINTER_TO_QUESTION);
  view.setUint16(2, TYPE_A);
  view.setUint16(4, CLASS_INTERNET);
  view.setUint32(6, ANSWER_SECONDS);
  view.setUint16(10, 4);
  view.setUint32(12, address);
  return bytes;
}
