/** Commands for bd0 itself, by Ctrl-A and a key. */
export type HostCommand = 'quit' | 'help';

const CTRL_A = 0x01;

/** The line that Ctrl-A h shows. */
export const KEYS_HELP = 'Ctrl-A x quits, Ctrl-A a sends Ctrl-A, Ctrl-A h shows this';

/** Removes bd0's own keys from those typed at a terminal: Ctrl-A, and the key after it. */
export class HostKeys {
  private isPrefixed = false;

  constructor(private readonly onCommand: (command: HostCommand) => void) {}

  /** Returns the bytes for the guest. */
  take(bytes: Uint8Array): Uint8Array {
    const kept: number[] = [];
    for (const byte of bytes) {
      if (this.isPrefixed) kept.push(...this.command(byte));
      else if (byte !== CTRL_A) kept.push(byte);
      this.isPrefixed = !this.isPrefixed && byte === CTRL_A;
    }
    return Uint8Array.from(kept);
  }

  /** Handles the key after Ctrl-A. Returns the bytes for the guest. */
  private command(byte: number): number[] {
    const key = String.fromCharCode(byte);
    if (key === 'a' || byte === CTRL_A) return [CTRL_A];
    if (key === 'x') this.onCommand('quit');
    if (key === 'h' || key === '?') this.onCommand('help');
    return [];
  }
}
