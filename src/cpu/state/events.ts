import type { AddressRange } from '../../mmu/fence.js';
import { debugException, GuestException } from './exceptions.js';

/** Bytes that the write fence refuses, and what the instruction would have stored. */
export interface RefusedStore extends AddressRange {
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

/** Why the CPU stopped running instructions. rip is at the instruction that faulted, or past the one that trapped. */
export type CpuEvent =
  | { readonly kind: 'ticks' }
  | { readonly kind: 'vmcall' }
  /**
   * SYSCALL, while EFER.SCE is set: an exit to the kernel like VMCALL. It has taken a tick, and rip is past it; nothing
   * else has changed. What the instruction does besides, RCX := rip and R11 := RFLAGS (SDM Vol. 2B "SYSCALL"), is left
   * to the kernel when it completes the call: until then the registers are those of the caller.
   */
  | { readonly kind: 'syscall' }
  | { readonly kind: 'exception'; readonly exception: GuestException; readonly trap: boolean }
  /**
   * The write fence refuses bytes that the instruction at rip stores. It has changed nothing and taken a tick, like a
   * fault.
   */
  | { readonly kind: 'refused'; readonly stores: readonly RefusedStore[] }
  /** A code stop at rip, whose instruction has not been executed; or accesses in `Mmu.dataStops`, if there are any. */
  | { readonly kind: 'stopped' }
  /**
   * Only on a bare machine, which delivers exceptions itself. `device`: an instruction has accessed a device, so that devices may
   * have changed. `interruptible`: an interrupt that is pending can be delivered before the instruction at rip. `halted`: the
   * processor waits for an interrupt. `shutdown`: a fault could not be delivered, three times over.
   */
  | { readonly kind: 'device' }
  | { readonly kind: 'interruptible' }
  | { readonly kind: 'halted' }
  | { readonly kind: 'shutdown' };

export const TICKS: CpuEvent = { kind: 'ticks' };
export const VMCALL = { kind: 'vmcall' } as const satisfies CpuEvent;
export const SYSCALL = { kind: 'syscall' } as const satisfies CpuEvent;
export const STOPPED: CpuEvent = { kind: 'stopped' };

export const DEVICE: CpuEvent = { kind: 'device' };
export const INTERRUPTIBLE: CpuEvent = { kind: 'interruptible' };
export const HALTED: CpuEvent = { kind: 'halted' };
export const SHUTDOWN: CpuEvent = { kind: 'shutdown' };

/** A trap: rip is already past the instruction. */
export function trap(vector: number): CpuEvent {
  return { kind: 'exception', exception: new GuestException(vector), trap: true };
}

/** The trap #DB with some bits of DR6. */
export function debugTrap(causes: number): CpuEvent {
  return { kind: 'exception', exception: debugException(causes), trap: true };
}

/** The event for a thrown guest exception; anything else is a bug in the emulator and is rethrown. */
export function faultOf(error: unknown): CpuEvent {
  if (!(error instanceof GuestException)) throw error;
  return { kind: 'exception', exception: error, trap: false };
}
