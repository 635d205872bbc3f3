/**
 * Every reachable state of threads that wait for words, wake each other, and publish names, a switch after each
 * instruction: no wake-up is lost, and of two that publish one wins. Programs that do it wrongly are found out.
 */
import t, { type Test } from 'tap';
import { atMostOneInside, exploreWords, namesAndHandles, type Shared } from '../support/explored-words.js';
import { seedOf, someNamed } from '../support/volume.js';

t.setTimeout(0);

const EXPLORATIONS: Readonly<Record<string, (t: Test) => Promise<void>>> = {
  'threads that wait for an event all go on, whenever it comes': async (t: Test) => {
    let most = 0;
    const graph = await exploreWords(['EVENT'], ({ done }) => (most = Math.max(most, done)));
    t.comment(`${graph.size} states, ${graph.steps} steps`);
    t.equal(most, 3);
    t.same(graph.stuck, [], 'no state in which some wait and nobody will wake them');
    for (const waiter of [1, 2]) t.ok(graph.stepsWithout(waiter) > 0, 'a waiter that is frozen blocks nobody');
  },

  'a wait for whatever the word is by now loses wake-ups': async (t: Test) => {
    const graph = await exploreWords(['EVENT', 'BROKEN']);
    t.ok(graph.stuck.length > 0, `${graph.stuck.length} of ${graph.size} states`);
  },

  'a mutex is had by one thread at a time, and in the end by all': async (t: Test) => {
    let most = 0;
    const graph = await exploreWords(['MUTEX=2'], (shared) => {
      atMostOneInside(shared);
      most = Math.max(most, shared.done);
    });
    t.comment(`${graph.size} states, ${graph.steps} steps`);
    t.equal(most, 2);
    t.same(graph.stuck, []);
  },

  'a mutex that does not see who waits loses wake-ups': async (t: Test) => {
    const graph = await exploreWords(['MUTEX=2', 'BROKEN'], atMostOneInside);
    t.ok(graph.stuck.length > 0, `${graph.stuck.length} of ${graph.size} states`);
  },

  'of two threads that publish a name one wins, and the other one knows': async (t: Test) => {
    const endings = new Set<string>();
    const note = ({ done, answers }: Shared): unknown => done === 2 && endings.add(answers.join());
    const graph = await exploreWords(['PUBLISH'], note, namesAndHandles);
    t.comment(`${graph.size} states, ${graph.steps} steps`);
    t.same([...endings].sort(), ['-11,0', '0,-11'], 'EAGAIN');
    t.same(graph.stuck, []);
    endings.clear();
    await exploreWords(['PUBLISH', 'BROKEN'], note, namesAndHandles);
    t.same([...endings], ['0,0'], 'who does not look is not told');
  },
};

// Others each day; all of them in long runs.
for (const [name, exploration] of Object.entries(someNamed(EXPLORATIONS, 2, seedOf(1), 0))) t.test(name, exploration);
