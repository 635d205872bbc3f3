import type { MachineClient } from '../../client/machine-client.js';
import type { Status } from '../../protocol.js';
import type { SourceTexts } from './source-text.js';

/** What a view needs from the page. */
export interface ViewHost {
  /** The machine that is shown. */
  readonly machine: MachineClient;
  readonly sources: SourceTexts;
  /** Says what went wrong. */
  readonly fail: (message: string) => void;
  /** Opens another view. */
  readonly open: (view: string, argument?: number) => void;
  /** Types a command at the shell, in a new machine if another program runs. Returns the machine. */
  readonly shell: (command: string) => MachineClient;
  /** Lets the user choose files to run. */
  readonly openFiles: () => void;
}

/** A view of the machine. */
export interface View {
  readonly element: HTMLElement;
  /** Shows the machine as it is now. */
  update(status: Status): Promise<void>;
  /** Shows an address, if the view has such. */
  show?(address: number): void;
  /** Takes a line for the log of the debugger. */
  log?(lines: readonly string[]): void;
  /** Takes a file that was dropped. */
  addFile?(file: File): Promise<void>;
  close?(): void;
}

/** An address of 48 bits as the 64 bits that programs know. */
export function addressText(address: number): string {
  const linear = address >= 2 ** 47 ? BigInt.asUintN(64, BigInt.asIntN(48, BigInt(address))) : BigInt(address);
  return `0x${linear.toString(16).padStart(12, '0')}`;
}
