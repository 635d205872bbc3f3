/** `bd0 replay FILE`. */
import {
  DamagedRecordError,
  firstDifference,
  MissingRecordError,
  RecordingError,
  replayOf,
  ReplayError,
  SavedSnapshotError,
  verify,
  type MachineReplay,
  type Recording,
  type ReplayOptions,
  type StateDifference,
  type Verdict,
} from '../../index.js';
import { readRecordingFile } from '../../host/recording-file.js';
import { sha256 } from '../../host/sha256.js';
import { symbolsIn } from '../boot/symbols.js';
import { Failure } from '../failure.js';
import type { ReplayResult, ReplayRunOptions } from './replay-options.js';

/** Differences of state that are shown. */
const DIFFERENCES_MAX = 16;
const EXIT_DIFFERENT = 1;

/** Runs a recording again, and says how it compares; with --gdb for a debugger. Throws Failure, HostError. */
export async function replay(path: string, options: ReplayRunOptions): Promise<ReplayResult> {
  if (options.gdb === undefined && options['gdb-wait'] !== undefined) throw new Failure('--gdb-wait needs --gdb PORT');
  const recording = readRecordingFile(path);
  if (!recording.isBare && options.symbols !== undefined)
    throw new Failure(`--symbols is for kernels, and '${path}' is a recording of a program`);
  if (options.gdb !== undefined) {
    const { debugReplay } = await import('./debug-replay.js');
    return debugReplay(path, makeReplay(path, recording, options), options);
  }
  return reading([path], () => verified(path, recording, options));
}

/** The options of the library for those of the command line. */
export function replayOptions({ engine = 'auto', 'jit-threshold': threshold }: ReplayRunOptions): ReplayOptions {
  return {
    engine,
    ...(threshold !== undefined && { translationThreshold: threshold }),
    sha256,
    now: () => performance.now(),
  };
}

/** Does work with recordings in files. Throws Failure for a recording whose content turns out to be damaged. */
export function reading<T>(paths: readonly string[], work: () => T): T {
  try {
    return work();
  } catch (error) {
    const isOfFile = [SavedSnapshotError, RecordingError, DamagedRecordError, MissingRecordError, ReplayError].some(
      (kind) => error instanceof kind,
    );
    if (!isOfFile) throw error;
    const files = paths.map((path) => `'${path}'`).join(' or ');
    throw new Failure(`${files} cannot be replayed: ${(error as Error).message}`);
  }
}

/** A difference of state as lines. */
export function linesOfState({ tick, differences }: StateDifference): string[] {
  const shown = differences.slice(0, DIFFERENCES_MAX).map((line) => `  ${line}`);
  const more = differences.length > shown.length ? ['  and more'] : [];
  return [`the first difference is at tick ${tick}:`, ...shown, ...more];
}

function makeReplay(path: string, recording: Recording, options: ReplayRunOptions): MachineReplay {
  return reading([path], () => replayOf(recording, replayOptions(options), { symbols: symbolsIn(options.symbols) }));
}

function verified(path: string, recording: Recording, options: ReplayRunOptions): ReplayResult {
  const verdict = verify(makeReplay(path, recording, options));
  const { firstTick, lastTick, end } = recording;
  const image = recording.start.about['image'] ?? path;
  if (verdict.kind === 'different')
    return { text: differenceText(recording, verdict, options).join('\n'), exitCode: EXIT_DIFFERENT };
  const compared = verdict.hashes === 1 ? '1 hash' : `${verdict.hashes} hashes`;
  const same = `replayed '${image}' from tick ${firstTick} to ${lastTick}: the same as recorded (${compared} compared)`;
  const how = end ? `the recorded run ended there: ${end.what}` : 'the recording ends there: the run was killed';
  return { text: `${same}\n${how}`, exitCode: 0 };
}

function differenceText(
  recording: Recording,
  { from, to, why }: Extract<Verdict, { kind: 'different' }>,
  options: ReplayRunOptions,
): string[] {
  const { engine = 'auto' } = options;
  const other = engine === 'interpreter' ? 'auto' : 'interpreter';
  const [first, second] = [options, { ...options, engine: other } as const].map((each) =>
    replayOf(recording, replayOptions(each)),
  );
  const state = firstDifference(first!, second!, from, Math.max(to, from + 1));
  return [
    `the replay is not the same as the recorded run: they part after tick ${from}, and at tick ${to} at the latest`,
    ...(why === undefined ? [] : [why]),
    ...(state
      ? [`the engines ${engine} and ${other} do not do the same:`, ...linesOfState(state)]
      : [`the engines ${engine} and ${other} do the same there: the recorded machine was another one`]),
  ];
}
