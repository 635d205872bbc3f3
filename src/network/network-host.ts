/** What a network asks of its host. Each call is an order; what becomes of it comes back as news. */
export interface NetworkHost {
  /** Opens a connection to a port of an IPv4 address; that of the gateway stands for the host itself. */
  connect(id: number, address: number, port: number): void;
  /** Sends bytes over a connection. */
  send(id: number, bytes: Uint8Array): void;
  /** Says that nothing more will be sent. */
  end(id: number): void;
  /** Gives a connection up, whatever state it is in. */
  drop(id: number): void;
  /** Looks up the IPv4 addresses of a name. */
  lookUp(id: number, name: string): void;
}

/** What the host has to say of a connection or a lookup. */
export type NetworkNews = { readonly id: number } & (
  | { readonly what: 'connected' }
  /** The connection could not be opened, or has broken. */
  | { readonly what: 'refused' | 'unreachable' | 'reset' }
  /** Bytes have arrived, for which there is room: `UserNetwork.room`. */
  | { readonly what: 'data'; readonly bytes: Uint8Array }
  /** So many of the bytes that were sent have left the host's queue. */
  | { readonly what: 'taken'; readonly count: number }
  /** The other end sends nothing more. */
  | { readonly what: 'end' }
  /** A lookup has ended: the addresses, none for a name that does not exist. */
  | { readonly what: 'addresses'; readonly addresses: readonly number[] }
  | { readonly what: 'no answer' }
);

/** The numbers of orders and of news of a connection or a lookup: equal on both ends unless one of them was put back. */
export interface NetworkAccount {
  readonly id: number;
  readonly orders: number;
  readonly news: number;
}
