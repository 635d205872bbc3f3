/** One instruction through every check, in seconds: `node dist/test/cpu/meanings.test.js --only PSHUFB`. */
import { Decoder as Judge, DecoderOptions, Code } from 'iced-x86';
import type { Form } from '../../../src/cpu/meaning/form.js';
import { encodeForm } from '../../support/encode.js';
import { Random } from '../../support/random.js';
import { describeBytes } from '../../oracle/case.js';
import { difference, format } from '../iced.js';
import type { MeaningsCheck } from './check.js';

/** The mnemonic after `--only`, or in BD0_ONLY; undefined if all instructions are wanted. */
export function onlyMnemonic(
  parameters: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const at = parameters.indexOf('--only');
  const name = at < 0 ? environment['BD0_ONLY'] : parameters[at + 1];
  return name === undefined || name === '' ? undefined : name.toUpperCase();
}

const CASES_PER_FORM = 200;
const ENCODINGS_PER_FORM = 50;

/** Runs the cases of the forms of one instruction. Throws RangeError if there is none of that name. */
export function runOnly(check: MeaningsCheck, mnemonic: string): readonly Form[] {
  const forms = check.decoder.forms.filter(({ row }) => row.mnemonic === mnemonic);
  if (forms.length === 0) throw new RangeError(`no row of the opcode table is named ${mnemonic}`);
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
