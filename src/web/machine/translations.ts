import type { TranslationEvent } from '../../cpu/translator/events.js';

/** Translations that are kept. */
const KEPT = 64;

/** The last code regions that were translated, by their numbers. */
export class Translations {
  private readonly kept = new Map<number, TranslationEvent>();
  private count = 0;

  add(event: TranslationEvent): void {
    this.kept.set(this.count++, event);
    this.kept.delete(this.count - 1 - KEPT);
  }

  /** In the order in which they were translated. */
  get all(): readonly (readonly [number: number, event: TranslationEvent])[] {
    return [...this.kept];
  }

  find(number: number): TranslationEvent | undefined {
    return this.kept.get(number);
  }
}
