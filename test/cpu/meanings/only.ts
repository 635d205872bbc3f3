/** A few instructions through every check, in seconds: `node dist/test/cpu/meanings.test.js --only PSHUFB,PSHUFD`. */
import { Decoder as Judge, DecoderOptions, Code } from 'iced-x86';
import type { Form } from '../../../src/cpu/meaning/form.js';
import { encodeForm } from '../../support/encode.js';
import { Random } from '../../support/random.js';
import { describeBytes } from '../../oracle/case.js';
import { difference, format } from '../iced.js';
import type { MeaningsCheck } from './check.js';

/** The mnemonics after `--only`, or in BD0_ONLY; undefined if all instructions are wanted. */
export function onlyMnemonics(
  parameters: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] | undefined {
  const at = parameters.indexOf('--only');
  const names = at < 0 ? environment['BD0_ONLY'] : parameters[at + 1];
  return names === undefined || names === '' ? undefined : names.toUpperCase().split(',');
}

const CASES_PER_FORM = 200;
const ENCODINGS_PER_FORM = 50;

/** Runs the cases of the forms of some instructions. Throws RangeError if there is none of a name. */
export function runOnly(check: MeaningsCheck, mnemonics: readonly string[]): readonly Form[] {
  const forms = check.decoder.forms.filter(({ row }) => mnemonics.includes(row.mnemonic));
  for (const mnemonic of mnemonics)
    if (!forms.some(({ row }) => row.mnemonic === mnemonic))
      throw new RangeError(`no row of the opcode table is named ${mnemonic}`);
  for (const { id } of forms) check.runForm(id, 0, CASES_PER_FORM);
  return forms;
}

/** Where iced-x86 sees something else in random encodings of the forms. */
export function decodingDifferences({ decoder }: MeaningsCheck, forms: readonly Form[], seed: number): string[] {
  const random = new Random(seed);
  const found: string[] = [];
  for (const form of forms)
    for (let i = 0; i < ENCODINGS_PER_FORM; i++) {
      const { bytes, instruction } = encodeForm(decoder, form, random);
      const judge = new Judge(64, bytes, DecoderOptions.None);
      const judged = judge.decode();
      const differs =
        judged.code === Code.INVALID || judged.length !== bytes.length
          ? 'it is invalid, or of another length'
          : difference(instruction, judged, 0n);
      if (differs !== undefined) found.push(`${describeBytes(bytes)}: ${differs}: ${format(judged)}`);
      judged.free();
      judge.free();
    }
  return found;
}
