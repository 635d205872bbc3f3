import { schema, value } from '../../../state/schema.js';
import { Signal, UNBLOCKABLE, defaultActionOf, type DefaultAction, type SignalSet } from './signal.js';

/* include/uapi/asm-generic/signal-defs.h, arch/x86/include/uapi/asm/signal.h */
export const SA_NOCLDSTOP = 1n;
export const SA_NOCLDWAIT = 2n;
export const SA_SIGINFO = 4n;
export const SA_RESTORER = 0x0400_0000n;
export const SA_ONSTACK = 0x0800_0000n;
export const SA_RESTART = 0x1000_0000n;
export const SA_NODEFER = 0x4000_0000n;
export const SA_RESETHAND = 0x8000_0000n;
const SA_EXPOSE_TAGBITS = 0x800n;
/** Others are not kept: so programs find out which there are. */
const KNOWN_FLAGS =
  SA_NOCLDSTOP |
  SA_NOCLDWAIT |
  SA_SIGINFO |
  SA_RESTORER |
  SA_ONSTACK |
  SA_RESTART |
  SA_NODEFER |
  SA_RESETHAND |
  SA_EXPOSE_TAGBITS;

export const SIG_DFL = 0n;
export const SIG_IGN = 1n;

/** What a process wants for a signal: struct sigaction of the kernel. */
export interface SignalAction {
  /** SIG_DFL, SIG_IGN, or the address of a function. */
  readonly handler: bigint;
  readonly flags: bigint;
  readonly restorer: bigint;
  /** Blocked as well while the handler runs. */
  readonly mask: SignalSet;
}

const DEFAULT: SignalAction = { handler: SIG_DFL, flags: 0n, restorer: 0n, mask: 0n };

/** What a process wants for each signal. */
export class SignalActions {
  /** @internal */
  static readonly state = schema('signal actions', SignalActions, { actions: value });

  private actions = new Map<number, SignalAction>();

  of(signal: number): SignalAction {
    return this.actions.get(signal) ?? DEFAULT;
  }

  set(signal: number, action: SignalAction): void {
    this.actions.set(signal, {
      ...action,
      flags: action.flags & KNOWN_FLAGS,
      mask: action.mask & ~UNBLOCKABLE,
    });
  }

  /** Back to the default action, with the flags and mask that it has. */
  reset(signal: number): void {
    this.actions.set(signal, { ...this.of(signal), handler: SIG_DFL });
  }

  /** What happens for a signal. */
  outcome(signal: number): DefaultAction | 'handle' {
    const { handler } = this.of(signal);
    if (handler === SIG_IGN) return 'ignore';
    return handler === SIG_DFL ? defaultActionOf(signal) : 'handle';
  }

  /** Whether children that end leave nothing to wait for. */
  get ignoresChildren(): boolean {
    const { handler, flags } = this.of(Signal.SIGCHLD);
    return handler === SIG_IGN || (flags & SA_NOCLDWAIT) !== 0n;
  }

  /** For a process that is forked. */
  copy(): SignalActions {
    const copy = new SignalActions();
    copy.actions = new Map(this.actions);
    return copy;
  }

  /** For execve: what was ignored stays ignored. */
  forgetHandlers(): void {
    for (const [signal, { handler }] of [...this.actions]) {
      if (handler === SIG_IGN) this.actions.set(signal, { ...DEFAULT, handler });
      else this.actions.delete(signal);
    }
  }
}
