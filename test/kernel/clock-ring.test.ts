/** What comes and goes with every fault, against plain lists: the order decides which page is given up. */
import { isDeepStrictEqual } from 'node:util';
import t from 'tap';
import { ClockRing } from '../../src/kernel/memory/pages/clock-ring.js';
import { EverPrivate } from '../../src/kernel/memory/pages/ever-private.js';
import { PinnedPages } from '../../src/kernel/memory/pages/pinned-pages.js';
import { capture } from '../../src/state/graph.js';
import { restore } from '../../src/state/restore.js';
import fc from '../support/fast-check.js';

const PAGE = 4096;

/** Pages close together, at the ends of blocks of them, and anywhere. */
const anyPage = fc
  .oneof(fc.nat({ max: 20 }), fc.nat({ max: 1100 }), fc.nat({ max: 2 ** 36 - 1 }))
  .map((number) => number * PAGE);

/** A ring as its order is told of: a list. */
class ModelRing {
  readonly pages: number[] = [];
  hand = 0;

  add(page: number): void {
    if (!this.pages.includes(page)) this.pages.push(page);
  }

  delete(page: number): void {
    const place = this.pages.indexOf(page);
    if (place < 0) return;
    const last = this.pages.pop()!;
    if (last !== page) this.pages[place] = last;
    if (place === this.hand - 1) this.hand = place;
  }

  advance(): number | undefined {
    if (this.hand >= this.pages.length) this.hand = 0;
    return this.pages[this.hand++];
  }
}

t.test('the ring of clean pages keeps the order of a list, and its hand the place, wherever pages lie', (t) => {
  const anyStep = fc.record({
    what: fc.constantFrom('add', 'add', 'delete', 'delete one that is there', 'advance'),
    page: anyPage,
  });
  let deleted = 0;
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 300, size: 'max' }), (steps) => {
      const ring = new ClockRing();
      const model = new ModelRing();
      for (const { what, page } of steps) {
        if (what === 'advance') {
          if (ring.advance() !== model.advance()) return false;
          continue;
        }
        const { pages } = model;
        const isThere = what === 'delete one that is there' && pages.length > 0;
        const its = isThere ? pages[(page / PAGE) % pages.length]! : page;
        if (isThere) deleted++;
        if (what === 'add') ring.add(its);
        else ring.delete(its);
        if (what === 'add') model.add(its);
        else model.delete(its);
        if (ring.size !== pages.length) return false;
      }
      const before = capture(ring);
      for (const page of [...ring['pages']]) ring.delete(page);
      restore(ring, before);
      return isDeepStrictEqual([ring['pages'], ring['hand']], [model.pages, model.hand]);
    }),
  );
  t.ok(deleted > 1000, `${deleted} pages that were there were taken out`);
  t.end();
});

t.test('pinned pages are those that came since all were let go, each once, in their order', (t) => {
  fc.assert(
    fc.property(fc.array(fc.option(anyPage, { freq: 8 })), anyPage, (steps, other) => {
      const pinned = new PinnedPages();
      const model = new Set<number>();
      for (const page of steps) {
        if (page === null) {
          pinned.clear();
          model.clear();
        } else {
          pinned.add(page);
          model.add(page);
        }
        if ([other, ...steps].some((each) => each !== null && pinned.has(each) !== model.has(each))) return false;
      }
      const before = capture(pinned);
      pinned.add(other);
      restore(pinned, before);
      return isDeepStrictEqual(pinned['pages'].slice(0, pinned['count']), [...model]);
    }),
  );
  t.end();
});

t.test(
  'the record of private pages tells a tick before the first time that a page was private, and Infinity if it never was',
  (t) => {
    let now = 1_000_000;
    const ever = new EverPrivate(() => now);
    ever.add(5 * PAGE);
    t.ok(ever.since(5 * PAGE) <= now && ever.since(5 * PAGE) > now - 100_000);
    t.equal(ever.since(5 * PAGE + 4095), ever.since(5 * PAGE));
    t.strictSame([ever.since(4 * PAGE), ever.since(6 * PAGE), ever.since(2 ** 47)], [Infinity, Infinity, Infinity]);
    const first = ever.since(5 * PAGE);
    now = 2_000_000;
    ever.add(5 * PAGE);
    ever.addRestored(5 * PAGE);
    t.equal(ever.since(5 * PAGE), first, 'later times change nothing');
    // The past was changed.
    now = 10;
    ever.add(5 * PAGE);
    t.equal(ever.since(5 * PAGE), 0);
    ever.addRestored(7 * PAGE);
    t.equal(ever.since(7 * PAGE), 0, 'nobody knows since when');
    t.end();
  },
);

t.test('what the record cannot hold may have been stored to at any time', (t) => {
  const ever = new EverPrivate(() => 2 ** 40, 2);
  const blocks = [0, 512 * PAGE, 1024 * PAGE];
  for (const address of blocks) ever.add(address);
  t.strictSame(
    blocks.map((address) => ever.since(address)),
    [2 ** 40, 2 ** 40, 0],
  );
  t.equal(ever.since(PAGE), Infinity);
  t.end();
});
