/**
 * The checksum of IPv4, ICMP, UDP and TCP over consecutive parts, of which all but the last have an even length: the one's
 * complement of the one's complement sum of big-endian words. RFC 1071 1.
 */
export function internetChecksum(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) for (let at = 0; at < part.length; at++) sum += at % 2 === 0 ? part[at]! * 256 : part[at]!;
  while (sum > 0xffff) sum = (sum % 0x1_0000) + Math.floor(sum / 0x1_0000);
  return 0xffff - sum;
}
