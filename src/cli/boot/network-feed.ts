import type { HostNetwork } from '../../host/network/host-network.js';
import type { BoardMachine } from '../../index.js';

/** Passes what the host's network has to say on to a board with an open network. */
export class NetworkFeed {
  constructor(
    private readonly machine: BoardMachine,
    private readonly host: HostNetwork,
  ) {}

  /** A board in its past gets what it got then. */
  give(): void {
    const { machine, host } = this;
    const { network } = machine.board;
    if (machine.inputs.source || !network) return;
    host.agree(network.accounts);
    for (let news; (news = host.take((id) => network.room(id)));) machine.deliver(news);
  }

  /** Whether something may still come. */
  get isBusy(): boolean {
    return this.host.isBusy;
  }

  close(): void {
    this.host.close();
  }
}
