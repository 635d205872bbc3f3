import type { BoardMachine } from '../../index.js';
import type { DebugConsole } from '../run/machine.js';

/** Passes what is typed on to a board, as far as it has room. */
export class BoardFeed {
  /** Whether no input will come any more. */
  isAtEnd = false;

  constructor(
    private readonly machine: BoardMachine,
    private readonly console: Pick<DebugConsole, 'read'>,
  ) {}

  /** A board in its past gets what it got then. */
  give(): void {
    const { machine, console } = this;
    const { room } = machine.board;
    if (room <= 0 || this.isAtEnd || machine.inputs.source) return;
    const bytes = console.read(room);
    if (bytes === 'end') this.isAtEnd = true;
    else if (bytes) machine.receive(bytes);
  }
}
