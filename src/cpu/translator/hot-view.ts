import { USER_VIEW, type CodeView } from '../engine/code-view.js';
import { Chooser, type ChooserHost, type ChosenRegion } from './chooser.js';
import { Profile } from './profile.js';
import { Remaps } from './remaps.js';
import { RegionSource, type RegionSourceHost } from './region-source.js';

/** What the hot tier knows of the code of a view. */
export class HotView<R extends ChosenRegion> {
  readonly profile = new Profile();
  readonly remaps = new Remaps();
  readonly chooser: Chooser<R>;
  readonly source: RegionSource;

  constructor(
    readonly view: CodeView,
    source: RegionSourceHost,
    chooser: ChooserHost<R>,
    readsAhead: boolean,
  ) {
    this.chooser = new Chooser(this.profile, chooser);
    this.source = new RegionSource(source, readsAhead);
  }

  /** Forgets what was hot, and what code looked like. */
  forget(): void {
    this.profile.clear();
    this.remaps.clear();
    this.source.forget();
  }
}

/** All views, and the one whose code runs. */
export class HotViews<R extends ChosenRegion> {
  current: HotView<R>;
  private readonly known = new Map<CodeView, HotView<R>>();

  constructor(private readonly make: (view: CodeView) => HotView<R>) {
    this.current = this.of(USER_VIEW);
  }

  of(view: CodeView): HotView<R> {
    const known = this.known.get(view) ?? this.make(view);
    this.known.set(view, known);
    return known;
  }

  [Symbol.iterator](): IterableIterator<HotView<R>> {
    return this.known.values();
  }
}
