/** The only network interface, lo. */
export const LOOPBACK = {
  name: 'lo',
  index: 1,
  /** ARPHRD_LOOPBACK. include/uapi/linux/if_arp.h */
  type: 772,
  /** IFF_UP, IFF_LOOPBACK and IFF_RUNNING. include/uapi/linux/if.h */
  flags: 0x49,
  mtu: 65536,
  /** In packets. */
  queueLength: 1000,
  /** 127.0.0.1 */
  host: Uint8Array.of(127, 0, 0, 1),
  /** ::1 */
  host6: Uint8Array.from({ length: 16 }, (_, index) => +(index === 15)),
} as const;
