import type { BoardMachine } from '../../index.js';
import type { DebugConsole } from '../run/machine.js';
import type { NetworkFeed } from './network-feed.js';

/** Passes what comes from outside on to a board: what is typed, as far as it has room, and what its network has to say. */
export class BoardFeed {
  private isTypedAtEnd = false;

  constructor(
    private readonly machine: BoardMachine,
    private readonly console: Pick<DebugConsole, 'read'>,
    private readonly network: NetworkFeed | undefined,
  ) {}

  /** Whether no input will come any more. */
  get isAtEnd(): boolean {
    return this.isTypedAtEnd && !this.network?.isBusy;
  }

  /** A board in its past gets what it got then. */
  give(): void {
    const { machine, console, network } = this;
    const { room } = machine.board;
    network?.give();
    if (room <= 0 || this.isTypedAtEnd || machine.inputs.source) return;
    const bytes = console.read(room);
    if (bytes === 'end') this.isTypedAtEnd = true;
    else if (bytes) machine.receive(bytes);
  }
}
