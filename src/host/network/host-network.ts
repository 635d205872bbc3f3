import { lookup } from 'node:dns';
import type { NetworkAccount, NetworkHost, NetworkNews } from '../../index.js';
import { HostLink } from './host-link.js';

/** The address of the network's gateway, which stands for the host itself: 10.0.2.2. */
const GATEWAY = 0x0a00_0202;
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
    const host = address === GATEWAY ? LOOPBACK : textOf(address);
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
   * Brings the host in line with a machine that was put back and went on from there: what it has now and what the host has
   * differ by some orders or news, and end, on both sides.
   */
  agree(accounts: readonly NetworkAccount[]): void {
    const isSame = ({ id, orders, news }: NetworkAccount): boolean =>
      accounts.some((account) => account.id === id && account.orders === orders && account.news === news);
    for (const link of [...this.links.values()]) if (!isSame(link)) this.drop(link.id);
    for (const entry of [...this.lookups.values()]) if (!isSame(entry)) this.lookups.delete(entry.id);
    for (const { id } of accounts)
      if (!this.links.has(id) && !this.lookups.has(id)) this.lost.push({ id, what: 'reset' });
  }

  close(): void {
    for (const link of this.links.values()) link.drop();
    this.links.clear();
    this.lookups.clear();
  }
}

function textOf(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
}

function numberOf(text: string): number {
  return text.split('.').reduce((address, part) => address * 256 + Number(part), 0);
}
