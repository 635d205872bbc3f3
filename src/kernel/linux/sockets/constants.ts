/** Constants of sockets: include/linux/socket.h, include/uapi/asm-generic/socket.h, include/linux/net.h. */

export const AF_UNSPEC = 0;
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
/** One more than the last family that has a number. */
export const AF_MAX = 46;

export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_SEQPACKET = 5;
/** One more than the last type that has a number, and the bits of a type. */
export const SOCK_MAX = 11;
export const SOCK_TYPE_MASK = 0xf;

/** The protocol of AF_NETLINK for network interfaces, and the level of its options. */
export const NETLINK_ROUTE = 0;
export const SOL_NETLINK = 270;

export const IPPROTO_IP = 0;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_IPV6 = 41;
/** Sockets of UDP take their options at this level too. */
export const IPPROTO_UDPLITE = 136;

/** Bits of what is shut down. */
export const SHUT_RECEIVING = 1;
export const SHUT_SENDING = 2;
export const SHUT_BOTH = 3;

export const MSG_OOB = 0x1;
export const MSG_PEEK = 0x2;
export const MSG_CTRUNC = 0x8;
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
export const MSG_WAITALL = 0x100;
export const MSG_NOSIGNAL = 0x4000;
export const MSG_WAITFORONE = 0x10000;
export const MSG_CMSG_CLOEXEC = 0x4000_0000;

export const SOL_SOCKET = 1;
export const SCM_RIGHTS = 1;
export const SCM_CREDENTIALS = 2;

/** Connections that may wait to be accepted, and messages of a socket for datagrams: net.core.somaxconn, net.unix.max_dgram_qlen. */
export const SOMAXCONN = 4096;
export const DATAGRAMS_MAX = 10;
