import type { Execution } from '../execution.js';
import type { MonitorRun } from '../monitor/monitor-run.js';
import type { SessionState } from '../session-state.js';

/** What the handler of a packet works with. */
export interface PacketContext {
  readonly state: SessionState;
  readonly execution: Execution;
  readonly monitorRun: MonitorRun;
  /** Shows lines to the debugger's user, before the reply. */
  show(lines: readonly string[]): void;
  /** Packets after the reply are not acknowledged. */
  stopAcknowledging(): void;
  /** Ends the session after the reply. */
  detach(): void;
}

/**
 * Handles a packet, of which `rest` is what follows its name. Returns the reply; undefined if it comes when the machine
 * stops, or never.
 */
export type PacketHandler = (context: PacketContext, rest: string) => string | undefined;

/** Handlers by the names of packets: a letter, or a word that begins with v, q, Q or j. */
export type PacketTable = Readonly<Record<string, PacketHandler>>;

/** Half of what fits into a packet: two digits, or an escape and a byte, for each byte of data. */
export const DATA_BYTES_MAX = 0x1ff00;
/** Bytes of a payload, with escapes. */
export const PACKET_BYTES_MAX = 0x40000;
