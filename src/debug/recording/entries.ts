/** What a recording holds besides the state at its beginning: inputs, and hashes of the machine at some ticks. */
import type { MachineChange, MachineInput } from '../../kernel/inputs.js';
import { CONTEXT_BYTES } from '../../cpu/state/cpu-state.js';
import type { LinuxErrno } from '../../kernel/linux/errno.js';
import type { RootEntry, RootStatus } from '../../kernel/linux/files/tree/linux-root.js';
import { isName, type PublishOutcome } from '../../kernel/names.js';
import type { SpuriousWriteVerdict } from '../../kernel/reports/spurious-write.js';
import { readNews, writeNews } from './network-entries.js';
import { ValueReader, ValueWriter } from '../../state/saved-values.js';
import type { LoggedVmo } from '../../vmo/saved/content-log.js';

/** A VMO as a recording has it: none, one of the machine's own names, or content. */
export type RecordedVmo = undefined | 'own' | LoggedVmo;

/** An input, with VMOs as they are in the file. */
export type RecordedInput =
  | Exclude<MachineInput, { kind: 'lookup' | 'open' | 'root part' }>
  | {
      readonly tick: number;
      readonly kind: 'root part';
      readonly path: string;
      readonly vmo: RecordedVmo;
      readonly errno: LinuxErrno | undefined;
    }
  | { readonly tick: number; readonly kind: 'lookup'; readonly vmo: RecordedVmo }
  | { readonly tick: number; readonly kind: 'open'; readonly vmo: RecordedVmo };

/** How the machine stood when its hash was computed: at a tick, or as all threads waited, or when the program had ended. */
export type HashMoment = 'tick' | 'waiting' | 'ended';

/** The machine hash at a tick. */
export interface RecordedHash {
  readonly kind: 'hash';
  readonly tick: number;
  readonly moment: HashMoment;
  /** 64 hexadecimal digits. */
  readonly hash: string;
}

/** What happens in a recording, in its order. */
export type Entry = RecordedInput | RecordedHash;

/** By their numbers in the file; never reorder them. */
const KINDS: readonly RecordedInput['kind'][] = [
  'console',
  'console end',
  'name step',
  'lookup',
  'open',
  'publish',
  'names',
  'verdict',
  'time',
  'root status',
  'root list',
  'root part',
  'memory write',
  'registers',
  'kill',
  'cr2',
  'terminal size',
  'network',
];
const OUTCOMES: readonly PublishOutcome[] = ['done', 'changed', 'read-only'];
const VERDICTS: readonly SpuriousWriteVerdict[] = ['kill', 'skip', 'allow'];
const VMO = { none: 0, own: 1, content: 2 } as const;
const MOMENTS: readonly HashMoment[] = ['tick', 'waiting', 'ended'];

/** Writes an input behind its kind and its tick. */
export function writeInput(input: RecordedInput, out: ValueWriter): void {
  out.byte(KINDS.indexOf(input.kind)).count(input.tick);
  switch (input.kind) {
    case 'console':
      return void out.count(input.misses).bytes(input.bytes);
    case 'console end':
      return void out.count(input.misses);
    case 'name step':
      return void out.count(input.bytes);
    case 'lookup':
    case 'open':
      return writeVmo(input.vmo, out);
    case 'publish':
      return void out.byte(OUTCOMES.indexOf(input.outcome));
    case 'names':
      out.count(input.list.total).count(input.list.names.length);
      return input.list.names.forEach((name) => out.text(name));
    case 'verdict':
      return void out.byte(VERDICTS.indexOf(input.verdict as SpuriousWriteVerdict));
    case 'time':
      return void out.value(input.until);
    case 'root status':
    case 'root list':
      out.text(input.path);
      return writeAnswer(input.answer, out);
    case 'root part':
      out.text(input.path).count(input.errno ?? 0);
      return writeVmo(input.vmo, out);
    case 'memory write':
      return void out.value(input.pid).value(input.address).bytes(input.bytes);
    case 'registers':
      return void out.count(input.tid).bytes(input.context);
    case 'cr2':
      return void out.value(input.value);
    case 'kill':
      return void out.count(input.pid).count(input.exitCode);
    case 'terminal size':
      return void out.count(input.rows).count(input.columns);
    case 'network':
      return writeNews(input.news, out);
  }
}

/** Reads an input. Throws SavedSnapshotError for bytes that are never written. */
export function readInput(source: ValueReader): RecordedInput {
  const kind = oneOf(source, KINDS);
  const tick = source.count();
  switch (kind) {
    case 'console': {
      const misses = source.count();
      return { tick, kind, misses, bytes: source.bytes().slice() };
    }
    case 'console end':
      return { tick, kind, misses: source.count() };
    case 'name step':
      return { tick, kind, bytes: source.count() };
    case 'lookup':
    case 'open':
      return { tick, kind, vmo: readVmo(source) };
    case 'publish':
      return { tick, kind, outcome: oneOf(source, OUTCOMES) };
    case 'names': {
      const total = source.count();
      const names = Array.from({ length: source.countOfItems() }, () => source.text());
      if (total < names.length || !names.every(isName)) throw source.malformed();
      return { tick, kind, list: { names, total } };
    }
    case 'verdict':
      return { tick, kind, verdict: oneOf(source, VERDICTS) };
    case 'time': {
      const until = source.value();
      if (typeof until !== 'number' || Number.isNaN(until)) throw source.malformed();
      return { tick, kind, until };
    }
    case 'root status': {
      const path = source.text();
      return { tick, kind, path, answer: readStatus(source) };
    }
    case 'root list': {
      const path = source.text();
      return { tick, kind, path, answer: readNames(source) };
    }
    case 'root part': {
      const [path, errno] = [source.text(), source.count()];
      return { tick, kind, path, vmo: readVmo(source), errno: errno === 0 ? undefined : (errno as LinuxErrno) };
    }
    case 'network':
      return { tick, kind, news: readNews(source) };
    default:
      return readChange(kind, tick, source);
  }
}

function readChange(kind: MachineChange['kind'], tick: number, source: ValueReader): RecordedInput {
  switch (kind) {
    case 'memory write': {
      const [pid, address] = [source.value(), source.value()];
      if (!(pid === undefined || typeof pid === 'number') || typeof address !== 'bigint') throw source.malformed();
      return { tick, kind, pid, address, bytes: source.bytes().slice() };
    }
    case 'registers': {
      const tid = source.count();
      const context = source.bytes().slice();
      if (context.length !== CONTEXT_BYTES) throw source.malformed();
      return { tick, kind, tid, context };
    }
    case 'cr2':
      return { tick, kind, value: readWord(source) };
    case 'kill':
      return { tick, kind, pid: source.count(), exitCode: source.count() };
    case 'terminal size':
      return { tick, kind, rows: source.count(), columns: source.count() };
  }
}

function readWord(source: ValueReader): bigint {
  const value = source.value();
  if (typeof value !== 'bigint') throw source.malformed();
  return value;
}

/** An error as its number, else the fields of a status, or the names and types of a list. */
function writeAnswer(answer: RootStatus | readonly RootEntry[] | LinuxErrno, out: ValueWriter): void {
  if (typeof answer === 'number') out.value(answer);
  else if (isList(answer)) out.value(answer.flatMap(({ name, type }) => [name, type]));
  else
    out.value([
      ...[answer.mode, answer.owner, answer.group, answer.links, answer.size, answer.blocks],
      ...[answer.modified, answer.target, answer.stamp],
      ...(answer.mount ? [answer.mount] : []),
    ]);
}

function isList(answer: RootStatus | readonly RootEntry[]): answer is readonly RootEntry[] {
  return Array.isArray(answer);
}

function readStatus(source: ValueReader): RootStatus | LinuxErrno {
  const answer = source.value();
  if (typeof answer === 'number') return answer as LinuxErrno;
  if (!Array.isArray(answer)) throw source.malformed();
  const [mode, owner, group, links, size, blocks, modified, target, stamp, mount] = answer as readonly unknown[];
  const isMount = answer.length === 10 && (mount === 'here' || mount === 'below');
  if (answer.length !== 9 && !isMount) throw source.malformed();
  const numbers = [mode, owner, group, links, size, blocks];
  if (!numbers.every((field) => typeof field === 'number' && Number.isSafeInteger(field) && field >= 0))
    throw source.malformed();
  if (typeof modified !== 'bigint' || typeof target !== 'string' || typeof stamp !== 'string') throw source.malformed();
  const known = numbers as readonly number[];
  return {
    ...{ mode: known[0]!, owner: known[1]!, group: known[2]!, links: known[3]!, size: known[4]!, blocks: known[5]! },
    ...{ modified, target, stamp },
    ...(isMount ? { mount } : {}),
  };
}

function readNames(source: ValueReader): readonly RootEntry[] | LinuxErrno {
  const answer = source.value();
  if (typeof answer === 'number') return answer as LinuxErrno;
  if (!Array.isArray(answer) || answer.length % 2 !== 0) throw source.malformed();
  const entries: RootEntry[] = [];
  for (let at = 0; at < answer.length; at += 2) {
    const [name, type] = [answer[at] as unknown, answer[at + 1] as unknown];
    if (typeof name !== 'string' || typeof type !== 'number') throw source.malformed();
    entries.push({ name, type });
  }
  return entries;
}

/** The content of a record with a hash. */
export function hashRecord({ tick, moment, hash }: RecordedHash): Uint8Array {
  return new ValueWriter().byte(MOMENTS.indexOf(moment)).count(tick).text(hash).written;
}

/** Reads such a record. Throws SavedSnapshotError. */
export function readHash(content: Uint8Array): RecordedHash {
  const source = new ValueReader(content);
  const moment = oneOf(source, MOMENTS);
  const tick = source.count();
  const hash = source.text();
  if (!source.isAtEnd || !/^[0-9a-f]{64}$/.test(hash)) throw source.malformed();
  return { kind: 'hash', tick, moment, hash };
}

function writeVmo(vmo: RecordedVmo, out: ValueWriter): void {
  if (vmo === undefined) out.byte(VMO.none);
  else if (vmo === 'own') out.byte(VMO.own);
  else
    out
      .byte(VMO.content)
      .count(vmo.tree)
      .count(vmo.lengthBytes)
      .byte(vmo.isOpen ? 1 : 0);
}

function readVmo(source: ValueReader): RecordedVmo {
  const form = oneOf(source, [VMO.none, VMO.own, VMO.content]);
  if (form === VMO.none) return undefined;
  if (form === VMO.own) return 'own';
  const [tree, lengthBytes] = [source.count(), source.count()];
  return { tree, lengthBytes, isOpen: oneOf(source, [false, true]) };
}

/** The item of a list that the next byte stands for. */
function oneOf<T>(source: ValueReader, items: readonly T[]): T {
  const index = source.byte();
  if (index >= items.length) throw source.malformed();
  return items[index]!;
}
