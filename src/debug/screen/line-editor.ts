import type { Key } from './keys.js';

/** Lines of the history, at most. */
const MOST_LINES = 1000;

/** A line that is being typed, with the lines before it. */
export class LineEditor {
  text = '';
  /** The place of the cursor in the text. */
  cursor = 0;
  private readonly history: string[] = [];
  /** The line of the history that is shown; its length for the new one. */
  private place = 0;
  private draft = '';

  /** `complete` returns candidates for the last word of a text. */
  constructor(private readonly complete: (text: string) => readonly string[]) {}

  /**
   * Handles a key. Returns a line if it was entered, candidates if there are several for Tab, and undefined otherwise.
   */
  take(key: Key): { readonly line: string } | { readonly candidates: readonly string[] } | undefined {
    if (key.name === 'text') this.insert(key.text);
    else if (key.name === 'enter') return { line: this.enter() };
    else if (key.name === 'tab') return this.tab();
    else this.edit(key.name);
    return undefined;
  }

  clear(): void {
    this.replace('');
    this.place = this.history.length;
  }

  private edit(name: Key['name']): void {
    const { text, cursor } = this;
    const wordStart = text.slice(0, cursor).replace(/\S*\s*$/, '').length;
    if (name === 'left') this.cursor = Math.max(0, cursor - 1);
    else if (name === 'right') this.cursor = Math.min(text.length, cursor + 1);
    else if (name === 'home') this.cursor = 0;
    else if (name === 'end') this.cursor = text.length;
    else if (name === 'backspace') this.remove(cursor - 1, cursor);
    else if (name === 'delete') this.remove(cursor, cursor + 1);
    else if (name === 'ctrl-u') this.remove(0, cursor);
    else if (name === 'ctrl-k') this.remove(cursor, text.length);
    else if (name === 'ctrl-w') this.remove(wordStart, cursor);
    else if (name === 'up') this.show(this.place - 1);
    else if (name === 'down') this.show(this.place + 1);
  }

  private insert(text: string): void {
    this.text = this.text.slice(0, this.cursor) + text + this.text.slice(this.cursor);
    this.cursor += text.length;
  }

  private remove(start: number, end: number): void {
    const from = Math.max(0, start);
    this.text = this.text.slice(0, from) + this.text.slice(end);
    this.cursor = from;
  }

  private replace(text: string): void {
    this.text = text;
    this.cursor = text.length;
  }

  private show(place: number): void {
    if (place < 0 || place > this.history.length) return;
    if (this.place === this.history.length) this.draft = this.text;
    this.place = place;
    this.replace(this.history[place] ?? this.draft);
  }

  private enter(): string {
    const { text, history } = this;
    if (text.trim() !== '' && text !== history.at(-1)) history.push(text);
    if (history.length > MOST_LINES) history.shift();
    this.clear();
    return text;
  }

  private tab(): { readonly candidates: readonly string[] } | undefined {
    const before = this.text.slice(0, this.cursor);
    const word = /\S*$/.exec(before)![0];
    const candidates = this.complete(before);
    if (candidates.length === 0) return undefined;
    const common = candidates.reduce((a, b) => a.slice(0, commonLength(a, b)));
    if (common.length > word.length) this.insert(common.slice(word.length));
    else if (candidates.length > 1) return { candidates };
    if (candidates.length === 1) this.insert(' ');
    return undefined;
  }
}

function commonLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}
