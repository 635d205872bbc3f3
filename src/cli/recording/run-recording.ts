/** `bd0 run --record FILE`. */
import { attachRecorder, type About, type Outcome, type Recorder } from '../../index.js';
import type { HostLines } from '../../host/console/host-lines.js';
import { packageVersion } from '../../host/package-root.js';
import { RecordingFile } from '../../host/recording-file.js';
import { sha256 } from '../../host/sha256.js';
import { describeError } from '../failure.js';
import type { Machine } from '../run/machine.js';
import type { End } from '../run/run-loop.js';
import type { RunOptions } from '../run/run-options.js';

/** The recording of a run. If its file fails, the run goes on without it. */
export class RunRecording {
  private lastOutcome: Pick<Outcome, 'kind'> | undefined;
  private isOver = false;

  private constructor(
    private readonly recorder: Recorder,
    private readonly file: RecordingFile,
    private readonly ticks: () => number,
    private readonly lines: HostLines,
  ) {}

  /** Undefined without --record. Throws HostError. */
  static begin({ record }: RunOptions, { computer, errors }: Machine, about: About): RunRecording | undefined {
    if (record === undefined) return undefined;
    const file = new RecordingFile(record);
    const now = (): number => performance.now();
    const recorder = attachRecorder(computer, {
      write: file.write,
      about: { bd0: packageVersion(), ...about },
      sha256,
      now,
    });
    return new RunRecording(recorder, file, () => computer.ticks, errors);
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
  end(end: End): void {
    const exitCode = end.kind === 'exited' || end.kind === 'trapped' ? end.exitCode : undefined;
    this.recorder.end({ what: wordsOf(end), exitCode }, this.lastOutcome);
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

/** How a run ended, in words. */
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
