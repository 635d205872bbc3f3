/**
 * The addresses of the user-mode network, which are those of QEMU's. IPv4 addresses are numbers of 32 bits, MAC addresses
 * numbers of 48 bits, as they are written.
 */

/** An end of the link: the guest has one or more of them. */
export interface Station {
  readonly mac: number;
  readonly address: number;
}

export const BROADCAST_MAC = 0xffff_ffff_ffff;
export const BROADCAST_ADDRESS = 0xffff_ffff;

/** 10.0.2.0/24. */
export const NETWORK = ipv4Address(10, 0, 2, 0);
export const NETWORK_MASK = ipv4Address(255, 255, 255, 0);
export const NETWORK_BROADCAST = ipv4Address(10, 0, 2, 255);

/** 10.0.2.2; on a network with access to the host, connections to it lead to the host itself. */
export const GATEWAY: Station = { mac: 0x5255_0a00_0202, address: ipv4Address(10, 0, 2, 2) };
/** 10.0.2.3, which is there on a network with access to the host. */
export const NAME_SERVER: Station = { mac: 0x5255_0a00_0203, address: ipv4Address(10, 0, 2, 3) };
/** What the DHCP server gives to the guest, and the MAC address of its device. */
export const GUEST: Station = { mac: 0x5254_0012_3456, address: ipv4Address(10, 0, 2, 15) };

const LOOPBACK = 127;
const MULTICAST = 224;

export function ipv4Address(...parts: readonly [number, number, number, number]): number {
  return parts.reduce((address, part) => address * 256 + part, 0);
}

/** An address as text: 10.0.2.2. */
export function addressText(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
}

export function isOnLink(address: number): boolean {
  return (address & NETWORK_MASK) >>> 0 === NETWORK;
}

/** Whether an address can be that of the guest's end. */
export function isStationAddress(address: number): boolean {
  const taken = [NETWORK, NETWORK_BROADCAST, GATEWAY.address, NAME_SERVER.address];
  return isOnLink(address) && !taken.includes(address);
}

/** Whether an address is that of one machine, which others can reach. */
export function isUnicast(address: number): boolean {
  const first = address >>> 24;
  return first !== 0 && first !== LOOPBACK && first < MULTICAST && address !== NETWORK_BROADCAST && address !== NETWORK;
}

/** Whether a MAC address is that of one station. */
export function isUnicastMac(mac: number): boolean {
  return Math.floor(mac / 2 ** 40) % 2 === 0 && mac !== 0;
}
