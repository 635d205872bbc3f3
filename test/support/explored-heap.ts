/** Threads that advance the heap while another one spawns a thread: test/kernel/programs/lock_free.c, explored. */
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { HEAP_PAIR_BYTES, heapPairFrom } from '../../src/kernel/program/header-page.js';
import { explore, type ExploredMachine, type StateGraph } from './explorer.js';
import { compiled } from './guest-programs.js';

const source = fileURLToPath(new URL('../../../test/kernel/programs/lock_free.c', import.meta.url));

/** What the program has not published. */
const NOTHING_YET = 1;

const LIMIT_BYTES = 2 ** 20;
const SIZES = [48, 80];
/** A page, the page of its control block, and its guard page. */
const STACK_BYTES = 12_288;

/** What the program has published, and what lies behind it. */
interface Heap {
  /** By thread: a block, 0 where there was no room, NOTHING_YET before. */
  readonly blocks: readonly number[];
  readonly spawned: bigint;
  readonly heapPointer: number;
  readonly stackFloor: number;
}

function heapOf({ machine, process, shared }: ExploredMachine): Heap {
  const { memory } = machine.kernel;
  const pair = heapPairFrom(memory.peek(process.heapPair, HEAP_PAIR_BYTES));
  const words = new BigInt64Array(memory.peek(shared, 24).slice().buffer);
  return {
    blocks: [Number(words[0]), Number(words[1])],
    spawned: words[2]!,
    heapPointer: Number(pair.heapPointer),
    stackFloor: Number(pair.stackFloor),
  };
}

/** What came of it. */
export interface Explored {
  readonly graph: StateGraph;
  /** What became of the blocks and the thread, once all was published. */
  readonly endings: ReadonlySet<string>;
}

/** Explores lock_free.c as it is compiled with these options; checks blocks, stacks and space in every state. */
export async function exploreHeap(...compilerOptions: string[]): Promise<Explored> {
  const image = await compiled(source, { compilerOptions });
  let first: Heap | undefined;
  const endings = new Set<string>();
  const graph = explore({
    image,
    limitBytes: LIMIT_BYTES,
    check: (machine) => {
      const heap = heapOf(machine);
      first ??= heap;
      checkHeap(machine, heap, first);
      const { blocks, spawned } = heap;
      if (![...blocks, Number(spawned)].includes(NOTHING_YET))
        endings.add(`${blocks.map((block) => block > 0).join()} ${spawned > 0n}`);
    },
  });
  return { graph, endings };
}

function checkHeap(machine: ExploredMachine, heap: Heap, first: Heap): void {
  const { blocks, heapPointer, stackFloor } = heap;
  const { threads } = machine;
  const begin = first.heapPointer;
  const parts = blocks.flatMap((start, index) => (start > NOTHING_YET ? [{ start, end: start + SIZES[index]! }] : []));
  for (const { start, end } of parts)
    expect(start >= begin && end <= heapPointer, `a block at ${start} lies outside of the heap to ${heapPointer}`);
  expect(heapPointer <= stackFloor, `the heap to ${heapPointer} reaches into the stacks from ${stackFloor}`);
  for (const thread of threads) if (thread) parts.push({ start: thread.stack.guard, end: thread.stack.end });
  parts.sort((a, b) => a.start - b.start);
  parts.forEach(({ end }, index) => {
    const next = parts[index + 1];
    expect(!next || next.start >= end, `${end} lies in two blocks or stacks`);
  });
  checkSpace(heap, first);
}

/** The pair has moved by what is published, and by what a thread has that is about to publish it. */
function checkSpace({ blocks, heapPointer, stackFloor, spawned }: Heap, first: Heap): void {
  const total = (sizes: readonly number[]): number => sizes.reduce((sum, size) => sum + size, 0);
  const published = total(SIZES.filter((_, index) => blocks[index]! > NOTHING_YET));
  const inHand = total(SIZES.filter((_, index) => blocks[index] === NOTHING_YET));
  const moved = heapPointer - first.heapPointer;
  expect(moved >= published && moved <= published + inHand, `${moved} bytes are taken, ${published} are published`);
  const below = first.stackFloor - stackFloor;
  const mayHave = spawned === BigInt(NOTHING_YET) ? [0, STACK_BYTES] : [spawned > 0n ? STACK_BYTES : 0];
  expect(mayHave.includes(below), `the stack floor has moved by ${below}, and thread_spawn answered ${spawned}`);
}

function expect(holds: boolean, message: string): void {
  if (!holds) throw new Error(message);
}

/** Whichever thread is frozen wherever, the others come to their ends, whatever the order in which they run. */
export function blocksNobody(t: Test, graph: StateGraph): void {
  const most = [0, 1, 2, 3].map((thread) => graph.stepsWithout(thread));
  t.comment(
    `${graph.size} states, ${graph.steps} steps; with a thread frozen, the others make at most ${most.join(', ')}`,
  );
  t.same(graph.stuck, []);
}
