/** `--record FILE` of `bd0 run` and `bd0 boot`. */
import {
  attachRecorder,
  type About,
  type BoardMachine,
  type Computer,
  type Outcome,
  type RecordedEnd,
  type Recorder,
} from '../../index.js';
import type { HostLines } from '../../host/console/host-lines.js';
import { packageVersion } from '../../host/package-root.js';
import { RecordingFile } from '../../host/recording-file.js';
import { sha256 } from '../../host/sha256.js';
import { describeError } from '../failure.js';
import type { End } from '../run/run-loop.js';

/** The recording of a run. If its file fails, the run goes on without it. */
export class RunRecording {
  private lastOutcome: Pick<Outcome, 'kind'> | undefined;
  private isOver = false;

  private constructor(
    private readonly recorder: Recorder,
    private readonly file: RecordingFile,
    private readonly ticks: () => number,
    private readonly lines: Pick<HostLines, 'tell'>,
  ) {}

  /** Records a machine in the file of --record; undefined without one. Throws HostError. */
  static begin(
    record: string | undefined,
    machine: Computer | BoardMachine,
    errors: Pick<HostLines, 'tell'>,
    about: About,
  ): RunRecording | undefined {
    if (record === undefined) return undefined;
    const file = new RecordingFile(record);
    const now = (): number => performance.now();
    const recorder = attachRecorder(machine, {
      write: file.write,
      about: { bd0: packageVersion(), ...about },
      sha256,
      now,
    });
    return new RunRecording(recorder, file, () => machine.ticks, errors);
  }

  /** Ticks that the next slice may take. */
  get ticksToHash(): number {
    return this.recorder.ticksToHash;
  }

  /** Records what came from outside during a slice. */
  observe(outcome: Pick<Outcome, 'kind'>): void {
    this.lastOutcome = outcome;
    this.recorder.observe(outcome);
    this.tellFailure();
  }

  /** Completes the recording. */
  end(how: Omit<RecordedEnd, 'tick'>): void {
    this.recorder.end(how, this.lastOutcome);
  }

  close(): void {
    this.recorder.detach();
    this.file.close();
    this.tellFailure();
  }

  private tellFailure(): void {
    const { failure } = this.file;
    if (failure === undefined || this.isOver) return;
    this.isOver = true;
    this.recorder.detach();
    this.lines.tell(`${describeError(failure).line}: the recording ends before tick ${this.ticks()}`);
  }
}

/** Completes the recording of a run, if there is one, by how it ended. One of a run that throws has what was recorded until then. */
export async function completing<E>(
  recording: RunRecording | undefined,
  run: () => Promise<E>,
  howEnded: (end: E) => Omit<RecordedEnd, 'tick'>,
): Promise<E> {
  try {
    const end = await run();
    recording?.end(howEnded(end));
    return end;
  } finally {
    recording?.close();
  }
}

/** How a run ended, for its recording. */
export function recordedEnd(end: End): Omit<RecordedEnd, 'tick'> {
  const exitCode = end.kind === 'exited' || end.kind === 'trapped' ? end.exitCode : undefined;
  return { what: wordsOf(end), exitCode };
}

function wordsOf(end: End): string {
  switch (end.kind) {
    case 'exited':
      return `the program exited with code ${end.exitCode}`;
    case 'trapped':
      return 'the program ended by a trap';
    case 'deadlock':
      return 'deadlock';
    case 'left':
      return 'the debugger was left';
    case 'quit':
      return 'stopped by Ctrl-A x';
    case 'limit':
      return `stopped after ${end.what}`;
    case 'signal':
      return `ended by signal ${end.signal}`;
  }
}
