/** `bd0 vmo diff`: where two contents differ. */
import { differingRanges } from '../differences.js';
import { shown } from '../../../host/byte-text.js';
import { jsonOfBytes, tell, tellJson } from '../output.js';
import { requireWords } from '../perform.js';
import { contentOf, withTargets, type StoredTarget, type Target } from '../content/target.js';
import { TreeComparison } from '../tree-differences.js';

/** The options of the command. */
export interface DiffOptions {
  readonly store?: string | undefined;
  /** For trees: compares times, too. */
  readonly times: boolean;
  readonly json: boolean;
}

/** As diff(1) ends. */
const EXIT_DIFFERENT = 1;

/** Prints the differences. Returns the exit code: 1 if there are any, else 0. Throws Failure. */
export async function diff(words: readonly string[], { store, json, times }: DiffOptions): Promise<number> {
  requireWords(words, 'diff', 'two TARGETs', 2, 2);
  let differences = 0;
  await withTargets(words, store, ([a, b]) => {
    differences = isTree(a!) && isTree(b!) ? diffTrees(a, b, { json, times }) : diffBytes(a!, b!, json);
  });
  return differences === 0 ? 0 : EXIT_DIFFERENT;
}

function isTree(target: Target): target is StoredTarget {
  return target.kind === 'stored' && target.contentKind === 'tree';
}

/** Prints paths that differ. Returns their number. */
function diffTrees(a: StoredTarget, b: StoredTarget, { json, times }: Pick<DiffOptions, 'json' | 'times'>): number {
  let count = 0;
  for (const difference of new TreeComparison(a.store, times).differences(a.id, b.id)) {
    count++;
    const { path, only, what } = difference;
    if (json) tellJson({ ...difference, ...jsonOfBytes('path', path) });
    else tell(`${shown(path)}: ${only === undefined ? what : `only in ${only === 'a' ? a.word : b.word}`}`);
  }
  return count;
}

/** Prints ranges of bytes that differ. Returns their number. */
function diffBytes(first: Target, second: Target, json: boolean): number {
  const [a, b] = [contentOf(first), contentOf(second)];
  let count = 0;
  const told = (offset: number, length: number, only?: 'a' | 'b'): void => {
    count++;
    if (json) tellJson({ offset, length, ...(only && { only }) });
    else {
      const place = `${offset}-${offset + length - 1}  ${length} ${length === 1 ? 'byte' : 'bytes'}`;
      tell(only === undefined ? place : `${place}, only in ${only === 'a' ? first.word : second.word}`);
    }
  };
  try {
    if (first.kind === 'stored' && second.kind === 'stored' && first.id === second.id) return 0;
    for (const { offset, length } of differingRanges(a, b)) told(offset, length);
    const [shorter, longer] = [Math.min(a.lengthBytes, b.lengthBytes), Math.max(a.lengthBytes, b.lengthBytes)];
    if (shorter < longer) told(shorter, longer - shorter, longer === a.lengthBytes ? 'a' : 'b');
  } finally {
    a.close();
    b.close();
  }
  return count;
}
