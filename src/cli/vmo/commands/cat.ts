/** `bd0 vmo cat`: the bytes of content, or a range of them. */
import { Failure } from '../../failure.js';
import { parseSize } from '../../size.js';
import type { Content } from '../content/content.js';
import { putBytes } from '../output.js';
import { requireWords } from '../perform.js';
import { contentOf, requireBytes, withTargets, type Target } from '../content/target.js';

/** The options of the command. */
export interface CatOptions {
  readonly store?: string | undefined;
  readonly offset?: string | undefined;
  readonly length?: string | undefined;
  readonly json: boolean;
}

/** Bytes that are printed at once as base64: a multiple of 3. */
const ENCODED_BYTES = 3 * 2 ** 14;

/** Writes the bytes to stdout. Throws Failure. */
export async function cat(words: readonly string[], options: CatOptions): Promise<number> {
  requireWords(words, 'cat', 'a TARGET', 1, 1);
  const offset = parseSize(options.offset ?? '0', '--offset', { least: 0 });
  const most = options.length === undefined ? Infinity : parseSize(options.length, '--length', { least: 0 });
  await withTargets(words, options.store, async ([target]) => {
    requireBytes(target!);
    const content = contentOf(target!);
    try {
      if (offset > content.lengthBytes)
        throw new Failure(
          `--offset ${options.offset!} is past the end: '${words[0]!}' has ${content.lengthBytes} bytes`,
        );
      const length = Math.min(most, content.lengthBytes - offset);
      if (options.json) putJson(target!, content, offset, length);
      else for (const part of content.parts(offset, length)) putBytes(part);
    } finally {
      content.close();
    }
  });
  return 0;
}

/** One object, written in parts: the content may be larger than memory. */
function putJson(target: Target, content: Content, offset: number, length: number): void {
  const known = target.kind === 'stored' ? { id: target.id } : { file: target.path };
  const head = JSON.stringify({ ...known, offset, length });
  putText(`${head.slice(0, -1)},"base64":"`);
  let waiting: Buffer = Buffer.alloc(0);
  for (const part of content.parts(offset, length)) {
    waiting = Buffer.concat([waiting, part]);
    const whole = waiting.length - (waiting.length % ENCODED_BYTES);
    if (whole > 0) putText(waiting.subarray(0, whole).toString('base64'));
    waiting = waiting.subarray(whole);
  }
  putText(`${waiting.toString('base64')}"}\n`);
}

function putText(text: string): void {
  putBytes(Buffer.from(text));
}
