/** Arguments as the bytes that the command line had: Node decodes them as UTF-8, and loses what is none. */
import { readFileSync } from 'node:fs';

const REPLACEMENT = '\ufffd';

/**
 * The last words of the command line, each as its bytes where it is not UTF-8. They are looked up where Linux keeps them
 * (proc(5), /proc/self/cmdline), and only believed if they are decoded to the same words.
 */
export function argumentBytes(words: readonly string[], read: () => Uint8Array = commandLine): (string | Uint8Array)[] {
  if (!words.some((word) => word.includes(REPLACEMENT))) return [...words];
  const known = lastWords(read(), words.length);
  const isSame = words.every((word, at) => known[at] !== undefined && new TextDecoder().decode(known[at]) === word);
  return words.map((word, at) => (isSame && word.includes(REPLACEMENT) ? known[at]! : word));
}

function commandLine(): Uint8Array {
  try {
    return readFileSync('/proc/self/cmdline');
  } catch {
    return new Uint8Array();
  }
}

/** The last `count` of words that each end with a zero byte. */
function lastWords(bytes: Uint8Array, count: number): Uint8Array[] {
  const words: Uint8Array[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0, start);
    if (end < 0) break;
    words.push(bytes.slice(start, end));
    start = end + 1;
  }
  return words.slice(words.length - count);
}
