import { outside, schema, value } from '../../state/schema.js';
import type { Station } from '../addresses.js';
import type { NetworkAccount, NetworkHost, NetworkNews } from '../network-host.js';
import { dnsResponse, readQuery, type DnsQuery } from './dns.js';

/** Most lookups at a time; further ones fail. */
export const MOST_LOOKUPS = 32;

/** Where a query came from, and where its response goes. */
export interface Asker {
  readonly station: Station;
  readonly port: number;
}

/** A query whose name the host is looking up. All its fields are state. */
interface Lookup extends NetworkAccount {
  readonly asker: Asker;
  readonly query: Pick<DnsQuery, 'identification' | 'flags' | 'question'>;
}

/** A response to send. */
export interface DnsReply {
  readonly asker: Asker;
  readonly message: Uint8Array;
}

/** The name server of a network: the host looks names up. */
export class NameService {
  static readonly state = schema(
    'name service',
    NameService,
    { host: outside('the host'), newId: outside('the network'), lookups: value },
    { isPart: true },
  );

  private lookups: Lookup[] = [];

  constructor(
    private readonly host: NetworkHost,
    private readonly newId: () => number,
  ) {}

  /** Takes a message. Returns the response if it is known already. */
  receive(asker: Asker, message: Uint8Array): DnsReply | undefined {
    const query = readQuery(message);
    if (!query) return undefined;
    const { asks, identification, flags, question } = query;
    if (typeof asks === 'string') return { asker, message: dnsResponse(query, asks) };
    if (this.lookups.length >= MOST_LOOKUPS) return { asker, message: dnsResponse(query, 'failure') };
    const id = this.newId();
    this.lookups.push({ id, orders: 1, news: 0, asker, query: { identification, flags, question } });
    this.host.lookUp(id, asks.name);
    return undefined;
  }

  /** Takes news of a lookup. Returns the response to its query. */
  deliver(news: NetworkNews): DnsReply | undefined {
    const lookup = this.lookups.find(({ id }) => id === news.id);
    if (!lookup) return undefined;
    this.lookups = this.lookups.filter((other) => other !== lookup);
    const { asker, query } = lookup;
    if (news.what !== 'addresses') return { asker, message: dnsResponse(query, 'failure') };
    const code = news.addresses.length > 0 ? 'no error' : 'no name';
    return { asker, message: dnsResponse(query, code, news.addresses) };
  }

  /** Gives up all lookups. Returns the responses. */
  failAll(): DnsReply[] {
    const { lookups } = this;
    this.lookups = [];
    return lookups.map(({ asker, query }) => ({ asker, message: dnsResponse(query, 'failure') }));
  }

  get accounts(): readonly NetworkAccount[] {
    return this.lookups;
  }
}
