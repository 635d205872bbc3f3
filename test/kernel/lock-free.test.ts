/**
 * The lock-free claim of the heap: every reachable state of two threads that advance it (guest/lib/heap.c) and one that
 * spawns a thread, a switch after each instruction. Blocks and stacks never overlap, nothing is lost beyond what is
 * published, and a thread frozen at any instruction blocks nobody.
 */
import t from 'tap';
import { blocksNobody, exploreHeap } from '../support/explored-heap.js';

t.setTimeout(0);

t.test('two threads advance the heap while a third spawns a thread', async (t) => {
  const { graph, endings } = await exploreHeap();
  t.ok(graph.size > 10_000, `${graph.size} states`);
  t.same([...endings], ['true,true true'], 'all of them have what they asked for');
  blocksNobody(t, graph);
});

t.test('where there is not enough room for all, somebody goes without, and nothing overlaps', async (t) => {
  const { graph, endings } = await exploreHeap('-DTIGHT');
  t.same([...endings].sort(), ['true,false true', 'true,true false']);
  blocksNobody(t, graph);
});

t.test('a heap that is not advanced by compare and exchange is found out', async (t) => {
  await t.rejects(exploreHeap('-DSPLIT_WRITES'), { message: /after the steps [0-9]+: / });
});
