import { writeToStderr } from '../../host/console/host-output.js';
import type { Board } from '../../index.js';
import type { BootTrace } from './boot-options.js';

/** Prints the events of `--trace` to stderr, a line each with its tick. */
export function traceBoard(board: Board, traces: readonly BootTrace[]): void {
  const tell = (text: string): void => {
    if (!board.hooks.isSilent) writeToStderr(`${board.ticks} ${text}`);
  };
  const rip = (): string => `rip ${board.cpu.state.rip.toString(16)}`;
  if (traces.includes('irq')) board.hooks.onInterrupt = (vector) => tell(`irq vector ${vector} ${rip()}`);
  if (traces.includes('faults'))
    board.hooks.onException = (exception) => {
      const address = exception.linear === 0n ? '' : ` address ${exception.linear.toString(16)}`;
      tell(`fault ${exception.message}${address} ${rip()}`);
    };
  if (!traces.includes('io')) return;
  board.ports.onAccess = (kind, port, width, value) =>
    tell(`${kind} port ${port.toString(16)} ${width} bits ${value.toString(16)}`);
  board.memoryBus.onAccess = (kind, physical, bytes, value) =>
    tell(`${kind} memory ${physical.toString(16)} ${8 * bytes} bits ${value.toString(16)}`);
}
