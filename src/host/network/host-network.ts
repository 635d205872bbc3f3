import { lookup } from 'node:dns';
import type { NetworkAccount, NetworkHost, NetworkNews } from '../../index.js';
import { GATEWAY, addressText } from '../../network/addresses.js';
import { HostLink } from './host-link.js';

/** The host itself, which the gateway stands for. */
const LOOPBACK = '127.0.0.1';

/** A lookup of a name that has not ended, or whose result the machine does not have. */
interface Lookup extends NetworkAccount {
  result: NetworkNews | undefined;
}

/** Connections and lookups of a machine with an open network, by sockets and the resolver of the host. */
export class HostNetwork implements NetworkHost {
  private readonly links = new Map<number, HostLink>();
  private readonly lookups = new Map<number, Lookup>();
  /** News about what the host does not have. */
  private readonly lost: NetworkNews[] = [];

  /** `onNews` is called when there may be news. */
  constructor(private readonly onNews: () => void) {}

  connect(id: number, address: number, port: number): void {
    this.drop(id);
    const host = address === GATEWAY.address ? LOOPBACK : addressText(address);
    this.links.set(id, new HostLink(id, host, port, this.onNews));
  }

  send(id: number, bytes: Uint8Array): void {
    this.links.get(id)?.send(bytes);
  }

  end(id: number): void {
    this.links.get(id)?.end();
  }

  drop(id: number): void {
    this.links.get(id)?.drop();
    this.links.delete(id);
  }

  lookUp(id: number, name: string): void {
    const entry: Lookup = { id, orders: 1, news: 0, result: undefined };
    this.lookups.set(id, entry);
    lookup(name, { family: 4, all: true }, (error, found) => {
      if (error && error.code !== 'ENOTFOUND') entry.result = { id, what: 'no answer' };
      else
        entry.result = { id, what: 'addresses', addresses: error ? [] : found.map(({ address }) => numberOf(address)) };
      this.onNews();
    });
  }

  /** Whether there may be news without anything that the machine does. */
  get isBusy(): boolean {
    return this.links.size > 0 || this.lookups.size > 0;
  }

  /** Takes the next news; `room` is how many bytes the machine takes for a connection. */
  take(room: (id: number) => number): NetworkNews | undefined {
    const lost = this.lost.shift();
    if (lost) return lost;
    for (const { id, result } of this.lookups.values())
      if (result) {
        this.lookups.delete(id);
        return result;
      }
    for (const link of this.links.values()) {
      const news = link.take(room(link.id));
      if (!news) continue;
      if (news.what === 'refused' || news.what === 'unreachable' || news.what === 'reset') this.drop(link.id);
      return news;
    }
    return undefined;
  }

  /**
   * Brings the host in line with what a machine has. The two differ by some orders or news if the machine was changed in its past
   * and goes on from there: such connections and lookups end on both sides. Must be called before `take`.
   */
  agree(accounts: readonly NetworkAccount[]): void {
    const known = new Map(accounts.map((account) => [account.id, account]));
    const isKnown = ({ id, orders, news }: NetworkAccount): boolean => {
      const account = known.get(id);
      return account?.orders === orders && account.news === news;
    };
    for (const link of [...this.links.values()]) if (!isKnown(link)) this.drop(link.id);
    for (const lookup of [...this.lookups.values()]) if (!isKnown(lookup)) this.lookups.delete(lookup.id);
    for (const id of known.keys())
      if (!this.links.has(id) && !this.lookups.has(id)) this.lost.push({ id, what: 'reset' });
  }

  close(): void {
    for (const link of this.links.values()) link.drop();
    this.links.clear();
    this.lookups.clear();
  }
}

function numberOf(text: string): number {
  return text.split('.').reduce((address, part) => address * 256 + Number(part), 0);
}
