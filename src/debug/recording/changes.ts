import type { MachineChange } from '../../kernel/inputs.js';
import { pidText } from '../../kernel/tasks/process-table.js';
import { ThreadRegisters } from '../debugger/registers.js';
import type { DebuggedMachine } from '../machine/debugged-machine.js';

/** Makes a change that a debugger, or a page, made. Returns what is lacking for it, in words. */
export function applyChange(machine: DebuggedMachine, change: MachineChange): string | undefined {
  if (change.kind === 'terminal size') {
    machine.resizeTerminal(change.rows, change.columns);
    return undefined;
  }
  machine.stops.retry();
  if (change.kind === 'registers') {
    const thread = machine.findThread(change.tid);
    if (!thread) return `a debugger changed thread ${change.tid}, which the replay does not have`;
    new ThreadRegisters(machine).restore(thread, change);
    return undefined;
  }
  if (change.kind === 'cr2') {
    machine.cpu.cr2 = change.value;
    return undefined;
  }
  const { pid } = change;
  if (pid !== undefined && !machine.liveProcesses.some((process) => process.pid === pid))
    return `a debugger changed process ${pidText(pid)}, which the replay does not have`;
  if (change.kind === 'memory write') machine.writeMemory(change.address, change.bytes, pid);
  else machine.kill(change.pid, change.exitCode);
  return undefined;
}
