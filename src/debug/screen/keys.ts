/** Keys besides those that stand for text. */
const SEQUENCES: Readonly<Record<string, string>> = {
  ...{ '[A': 'up', '[B': 'down', '[C': 'right', '[D': 'left', OA: 'up', OB: 'down', OC: 'right', OD: 'left' },
  ...{ '[H': 'home', '[F': 'end', OH: 'home', OF: 'end', '[1~': 'home', '[4~': 'end', '[3~': 'delete' },
  ...{ '[5~': 'page-up', '[6~': 'page-down', OP: 'f1', '[11~': 'f1', '[17~': 'f6', '[18~': 'f7' },
  ...{ '[15~': 'f5', '[15;2~': 'shift-f5', '[21~': 'f10', '[21;2~': 'shift-f10' },
  ...{ '[23~': 'f11', '[23;2~': 'shift-f11', '[24~': 'f12', '[24;2~': 'shift-f12' },
  // The Linux console and some others have no other codes for keys with Shift.
  ...{ '[28~': 'shift-f5' },
};

const CONTROLS: Readonly<Record<string, string>> = {
  ...{ '\r': 'enter', '\n': 'enter', '\t': 'tab', '\x7f': 'backspace', '\b': 'backspace' },
  ...{ '\x01': 'home', '\x05': 'end', '\x03': 'ctrl-c', '\x04': 'ctrl-d', '\x0b': 'ctrl-k', '\x0c': 'ctrl-l' },
  ...{ '\x15': 'ctrl-u', '\x17': 'ctrl-w', '\x10': 'up', '\x0e': 'down', '\x02': 'left', '\x06': 'right' },
};

/** A key that was typed: text, or a key by its name, such as `f5`, `shift-f5`, `alt-s`, `ctrl-c`. */
export type Key = { readonly name: string; readonly text: string };

const ESCAPE = '\x1b';
/** A control sequence of ECMA-48, or of a function key of the VT100. */
const SEQUENCE = /^\x1b(\[[0-9;]*[A-Za-z~]|O[A-Z])/;
const UNFINISHED = /^\x1b(\[[0-9;]*|O)?$/;

/** Reads keys from what a terminal sends. */
export class KeyReader {
  private unread = '';
  private readonly decoder = new TextDecoder();

  /** The keys of some bytes. A sequence that is not complete is kept, except Escape alone, which is no key here. */
  take(bytes: Uint8Array): Key[] {
    this.unread += this.decoder.decode(bytes, { stream: true });
    const keys: Key[] = [];
    while (this.unread !== '') {
      const rest = this.unread;
      if (rest[0] === ESCAPE) {
        if (UNFINISHED.test(rest)) {
          if (rest === ESCAPE) this.unread = '';
          break;
        }
        keys.push(...this.escaped(rest));
      } else {
        const character = String.fromCodePoint(rest.codePointAt(0)!);
        this.unread = rest.slice(character.length);
        const control = CONTROLS[character];
        if (control !== undefined) keys.push({ name: control, text: '' });
        else if (character >= ' ') keys.push({ name: 'text', text: character });
      }
    }
    return keys;
  }

  private escaped(rest: string): Key[] {
    const sequence = SEQUENCE.exec(rest);
    if (!sequence) {
      this.unread = rest.slice(2);
      return /[A-Za-z]/.test(rest[1]!) ? [{ name: `alt-${rest[1]}`, text: '' }] : [];
    }
    this.unread = rest.slice(sequence[0].length);
    const name = SEQUENCES[sequence[1]!];
    return name === undefined ? [] : [{ name, text: '' }];
  }
}
