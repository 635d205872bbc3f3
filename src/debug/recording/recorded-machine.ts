import { Computer } from '../../computer.js';
import type { Inputs } from '../../kernel/inputs.js';
import type { VmoHandle } from '../../vmo/handle.js';
import type { VmoStore } from '../../vmo/store.js';
import type { BoardMachine } from '../machine/board-machine.js';
import type { NamesKept } from './start.js';

/** What a recorder needs of a machine, whatever runs on it. */
export interface RecordedMachine {
  readonly ticks: number;
  readonly store: VmoStore;
  readonly inputs: Inputs;
  /** Whether idle time and keys are those of a terminal. */
  readonly isTerminal: boolean;
  readonly namesKept: NamesKept;
  /** Whether the end of a process is held back for a debugger: it is not there in a machine without one. */
  readonly isHolding: boolean;
  /** The machine hash, after work that stands still within the tick. */
  hash(): string;
  /** Saves the state of now. */
  save(target: VmoStore): VmoHandle;
}

/** A machine as recorders see it. */
export function recordedMachineOf(machine: Computer | BoardMachine): RecordedMachine {
  return machine instanceof Computer ? recordedComputer(machine) : recordedBoard(machine);
}

function recordedComputer(computer: Computer): RecordedMachine {
  const { inputs, kernel } = computer.parts;
  const { names, console } = kernel;
  return {
    get ticks() {
      return computer.ticks;
    },
    store: computer.store,
    inputs,
    isTerminal: console.isTerminal === true,
    namesKept: names.isAllOwn ? 'all' : names.own ? 'some' : 'none',
    get isHolding() {
      return kernel.stops.isHolding;
    },
    hash: () => {
      kernel.settle();
      return computer.machineHash();
    },
    save: (target) => computer.saveSnapshot(computer.snapshot(), target),
  };
}

function recordedBoard(machine: BoardMachine): RecordedMachine {
  const { board, inputs, realTime } = machine;
  return {
    get ticks() {
      return board.ticks;
    },
    store: board.store,
    inputs,
    isTerminal: realTime,
    namesKept: 'all',
    isHolding: false,
    hash: () => board.machineHash(),
    save: (target) => board.saveSnapshot(board.snapshot(), target),
  };
}
