/**
 * The lock-free claim of the heap: every reachable state of two threads that advance it (guest/lib/heap.c) and one that
 * spawns a thread, a switch after each instruction. Blocks and stacks never overlap, nothing is lost beyond what is
 * published, and a thread frozen at any instruction blocks nobody.
 */
import t, { type Test } from 'tap';
import { blocksNobody, exploreHeap } from '../support/explored-heap.js';
import { seedOf, someNamed } from '../support/volume.js';

t.setTimeout(0);

const EXPLORATIONS: Readonly<Record<string, (t: Test) => Promise<void>>> = {
  'two threads advance the heap while a third spawns a thread': async (t: Test) => {
    const { graph, endings } = await exploreHeap();
    t.ok(graph.size > 10_000, `${graph.size} states`);
    t.same([...endings], ['true,true true'], 'all of them have what they asked for');
    blocksNobody(t, graph);
  },

  'where there is not enough room for all, somebody goes without, and nothing overlaps': async (t: Test) => {
    const { graph, endings } = await exploreHeap('-DTIGHT');
    t.same([...endings].sort(), ['true,false true', 'true,true false']);
    blocksNobody(t, graph);
  },
};

// One each day; both in long runs.
for (const [name, exploration] of Object.entries(someNamed(EXPLORATIONS, 1, seedOf(1), 0))) t.test(name, exploration);

t.test('a heap that is not advanced by compare and exchange is found out', async (t) => {
  await t.rejects(exploreHeap('-DSPLIT_WRITES'), { message: /after the steps [0-9]+: / });
});
