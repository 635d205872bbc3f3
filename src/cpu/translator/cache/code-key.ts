import { PAGE_SIZE } from '../../../bits.js';
import { StateWriter } from '../../../state/state-writer.js';
import { generated } from '../../interpreter/generated.js';
import type { Instruction } from '../../decode/instruction.js';
import { pageOf } from '../../access/linear-page.js';
import type { CodePage } from '../compile/code-reader.js';
import { directTarget, isDirectBranch, type Block, type Context } from '../compile/region.js';
import type { CodeSource } from '../compile/translation.js';

/** The version of the key, and of the translator: it changes when a region may become another module. */
export const CODE_VERSION = `bd0 code 1 ${generated?.translatorVersion ?? ''}`;

/**
 * All that the translation of a region depends on, as bytes: two regions with the same bytes become the same module, wherever
 * they lie. Addresses are written as distances from the base. Of absolute addresses one thing remains that an instruction
 * can depend on: whether the target of a direct branch is canonical.
 */
export function codeContent(
  { region, base, missing, inState, tailCalls, hasTlbSets }: CodeSource,
  ram: Uint8Array,
  compiles: (instruction: Instruction) => boolean,
): Uint8Array {
  const out = new StateWriter().text(CODE_VERSION).numbers(region.entries).number(region.nodes.length);
  out.number(inState ? 1 : 0).number((tailCalls ? 1 : 0) + (hasTlbSets ? 2 : 0));
  const frames = new Map(region.pages.map(({ linear, physical }) => [linear, physical]));
  for (const block of region.nodes) {
    out.number(block ? 1 : 0);
    if (!block) continue;
    writeBlock(out, block, base, bytesOf(block, frames, ram), missing);
    // The same bytes are another instruction on another model of the processor, or one that the evaluator must execute.
    out.numbers(block.instructions.map((instruction) => (compiles(instruction) ? instruction.form.id + 1 : 0)));
  }
  return out.written;
}

function writeBlock(
  out: StateWriter,
  block: Block,
  base: bigint,
  bytes: Uint8Array,
  missing: CodeSource['missing'],
): void {
  const { rip, end, context, instructions, next, target, returnsTo } = block;
  const last = instructions.at(-1)!;
  const goesNowhere = isDirectBranch(last) && directTarget(last, end) === undefined;
  writeContext(out.word(rip - base), context, base);
  out
    .bytes(bytes)
    .number(instructions.length)
    .number(goesNowhere ? 1 : 0);
  out.number(next).number(target).number(returnsTo);
  let at = rip;
  const misses: number[] = [];
  instructions.forEach(({ length }, i) => {
    const check = missing.get(at);
    if (check) misses.push(2 * i + (check === 'crosses' ? 1 : 0));
    at += BigInt(length);
  });
  out.numbers(misses);
}

function writeContext(out: StateWriter, context: Context | undefined, base: bigint): void {
  out.number(context?.depth ?? 0);
  for (let inner = context; inner; inner = inner.parent) out.word(inner.returnsTo - base);
}

/** The bytes of a block, or of other code from one address to another, which may lie in several pages. */
export function bytesOf(
  { rip, end }: Pick<Block, 'rip' | 'end'>,
  frames: ReadonlyMap<bigint, CodePage['physical']>,
  ram: Uint8Array,
): Uint8Array {
  const bytes = new Uint8Array(Number(BigInt.asUintN(64, end - rip)));
  for (let done = 0; done < bytes.length;) {
    const linear = BigInt.asUintN(64, rip + BigInt(done));
    const page = pageOf(linear);
    const physical = frames.get(page);
    if (physical === undefined) throw new Error(`the page at 0x${page.toString(16)} is not one of the region's`);
    const offset = Number(linear - page);
    const length = Math.min(bytes.length - done, PAGE_SIZE - offset);
    bytes.set(ram.subarray(physical + offset, physical + offset + length), done);
    done += length;
  }
  return bytes;
}
