import { Computer } from '../../computer.js';
import { ComputerMachine } from './computer-machine.js';
import type { DebuggedMachine } from './debugged-machine.js';

/** A machine as the debugger sees it. */
export function machineOf(machine: Computer | DebuggedMachine): DebuggedMachine {
  return machine instanceof Computer ? new ComputerMachine(machine) : machine;
}
