import type { Computer } from '../../computer.js';
import type { Snapshot } from '../../snapshot.js';
import type { DebuggedMachine } from '../machine/debugged-machine.js';
import type { BoardProgram } from '../machine/board-machine.js';
import { BoardReplay } from './board-replay.js';
import type { Recording } from './recording.js';
import { Replay, type ReplayEvent, type ReplayOptions } from './replay.js';

/** A machine that does what a recording says: a Replay of a Computer, or a BoardReplay. */
export interface MachineReplay {
  readonly recording: Recording;
  readonly machine: {
    readonly ticks: number;
    machineHash(): string;
    snapshot(): Snapshot;
    passTime(tick: number): void;
  };
  /** The machine for debuggers, and the process whose end is the end of the program. */
  readonly debugged: Computer | DebuggedMachine;
  readonly programPid: number;
  /** Whether the program has ended. */
  readonly isOver: boolean;
  /** Whether the machine has done something else than was recorded; it gets no input any more. */
  readonly hasLeft: boolean;
  /** Called when that begins. Without it, a ReplayError is thrown. */
  onLeft: (() => void) | undefined;
  /** Called after each change that a debugger made in the recorded run. */
  onChanged: (() => void) | undefined;
  /**
   * Runs on to a tick, the next hash, or the end of the recording. Throws ReplayError if the machine does something else than was
   * recorded.
   */
  run(to?: number): ReplayEvent;
  /** Ticks to the next input, to the end, or to a tick: a run may take no more. */
  ticksToNext(to?: number): number;
  /** Makes the changes that a debugger made at this tick of the recorded run, and to a board what else happened at it. */
  applyChanges(): void;
  /** Lets time pass while nothing runs, as it was. 'again': ask again; 'end': the recording ends here. */
  passTime(): 'passed' | 'again' | 'end';
  /** Whether nothing is left, for those who run the machine themselves. Hashes up to now are skipped. */
  isAtEnd(): boolean;
  /** Returns a function that puts the replay back to where it is now. */
  mark(): () => void;
}

/** Replays a recording, whatever machine it is of; `program` has the symbols of a foreign kernel. Throws as they do. */
export function replayOf(
  recording: Recording,
  options: ReplayOptions = {},
  program?: Pick<BoardProgram, 'symbols'>,
): MachineReplay {
  return recording.isBare ? new BoardReplay(recording, options, program) : new Replay(recording, options);
}
