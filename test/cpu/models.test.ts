/** The models of the processor: what CPUID reports is what executes. */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { bytesToHex } from '../../src/bits.js';
import type { ComputerOptions } from '../../src/computer-options.js';
import { Computer } from '../../src/computer.js';
import { Decoder } from '../../src/cpu/decode/decoder.js';
import type { Form } from '../../src/cpu/meaning/form.js';
import { FEATURE_NAMES, featureFacts, type Feature, type FeatureWord } from '../../src/cpu/meaning/features.js';
import { cpuid } from '../../src/cpu/state/cpuid.js';
import { CPU_MODELS, type CpuModel } from '../../src/cpu/state/model.js';
import { encodeForm } from '../support/encode.js';
import { linuxProgram, runInMachine } from '../support/linux-programs.js';
import { Random } from '../support/random.js';
import { seedOf } from '../support/volume.js';

t.setTimeout(0);

/** The register of CPUID that has the word. */
function wordOf(word: FeatureWord, model: CpuModel): number {
  const [leaf = '', register = ''] = word.split('.');
  const words = leaf === 'd' ? cpuid(0xd, 1, model) : cpuid(parseInt(leaf, 16), 0, model);
  return words[['eax', 'ebx', 'ecx', 'edx'].indexOf(register)]!;
}

function reports(model: CpuModel, name: Feature | ''): boolean {
  if (name === '') return true;
  const { word, bit } = featureFacts(name);
  return ((wordOf(word, model) >>> bit) & 1) === 1;
}

const executes = (model: CpuModel, { row }: Form): boolean =>
  reports(model, row.feature) && reports(model, row.alsoRequires ?? '');

t.test('an instruction decodes on a model if and only if CPUID reports its features there', async (t) => {
  const all = new Decoder();
  const random = new Random(seedOf(9));
  const encodings = all.forms.map((form) => encodeForm(all, form, random));
  for (const model of CPU_MODELS) {
    const decoder = new Decoder(model);
    const wrong: string[] = [];
    let missing = 0;
    for (const { bytes, instruction } of encodings) {
      const { form } = instruction;
      const found = decoder.decode(bytes, 0, bytes.length);
      const isThere = typeof found !== 'string' && found.form === form;
      if (!isThere) missing++;
      if (isThere !== executes(model, form)) wrong.push(`${form.row.mnemonic} of ${form.row.feature}`);
      // Without its prefix's meaning it may be another instruction, of which the same is true.
      if (!isThere && typeof found !== 'string' && !executes(model, found.form))
        wrong.push(`${form.row.mnemonic}, which is ${found.form.row.mnemonic}`);
    }
    t.same([...new Set(wrong)], [], model);
    t.equal(missing === 0, model === 'max', `${missing} of ${encodings.length} forms are missing on ${model}`);
  }
});

t.test('a model has what the ones before it have', async (t) => {
  const words: readonly FeatureWord[] = ['1.ecx', '1.edx', '7.ebx', '7.ecx', 'd.eax', '80000001.ecx', '80000001.edx'];
  for (const [i, model] of CPU_MODELS.entries()) {
    const before = CPU_MODELS[i - 1];
    if (!before) continue;
    const lost = words.filter((word) => (wordOf(word, before) & ~wordOf(word, model)) !== 0);
    t.same(lost, [], `${model} after ${before}`);
  }
  t.same(cpuid(0xd, 0, 'v2'), [0, 0, 0, 0], 'without XSAVE there is no leaf Dh');
  t.same(cpuid(0xd, 0, 'v3'), [7, 832, 832, 0]);
  t.same(cpuid(0xd, 1, 'v3'), [0, 832, 0, 0]);
});

const SOURCE = fileURLToPath(new URL('../../../test/cpu/models/levels.c', import.meta.url));

/** What the program prints on each model: the levels that the C compiler's library finds, LZCNT of 8, and vectors. */
const PRINTED: Readonly<Record<CpuModel, string>> = {
  v1: 'x86-64\nlzcnt 3\npopcnt: #UD\nfma: #UD\naes: #UD\nxgetbv 1: #UD\n',
  v2: 'x86-64 v2\nlzcnt 3\npopcnt 1\nfma: #UD\naes: #UD\nxgetbv 1: #UD\n',
  v3: 'x86-64 v2 v3\nlzcnt 28\npopcnt 1\nfma 7\naes: #UD\nxgetbv 1: #GP\n',
  max: 'x86-64 v2 v3\nlzcnt 28\npopcnt 1\nfma 7\naes 1\nxgetbv 1 7\n',
};

t.test('programs find the features of the model, and no others', async (t) => {
  const program = await linuxProgram(SOURCE);
  for (const model of CPU_MODELS)
    for (const engine of ['interpreter', 'auto'] as const) {
      const { output } = runInMachine(program, [], { cpu: model, engine });
      t.equal(output, PRINTED[model], `${model}, ${engine}`);
    }
});

const FRAMES = fileURLToPath(new URL('../../../test/cpu/models/frames.c', import.meta.url));

t.test('frames of signals, and /proc/cpuinfo, are those of the model', async (t) => {
  const program = await linuxProgram(FRAMES);
  for (const model of CPU_MODELS) {
    const lines = runInMachine(program, [], { cpu: model }).output.split('\n');
    const hasXsave = reports(model, 'XSAVE');
    const frame = hasXsave ? 'flags 7, an XSAVE area, far' : 'flags 6, no XSAVE area, near';
    t.same(lines.slice(0, 2), [`signal 10: ${frame} to the stack, xmm7 1`, 'xmm7 2'], model);
    t.match(lines[2], /^vendor_id\t: AuthenticAMD$/, 'as in CPUID');
    const flags = lines[3]!.replace(/^flags\t\t: /, '').split(' ');
    const has = (name: Feature, text: string): unknown =>
      t.equal(flags.includes(text), reports(model, name), `${model}: ${text}`);
    has('SSE3', 'pni');
    has('LZCNT', 'abm');
    has('AVX2', 'avx2');
    has('SHA', 'sha_ni');
    has('XSAVE', 'xsave');
    t.equal(flags.length, FEATURE_NAMES.filter((name) => reports(model, name)).length, 'a flag for each feature');
  }
});

t.test('a model that there is not is refused', async (t) => {
  const options = { cpu: 'v4' } as unknown as ComputerOptions;
  t.throws(() => new Computer(options), new RangeError("cpu 'v4' is none of the models v1, v2, v3, max"));
});

t.test('code that was translated on one model is not run on another', async (t) => {
  const program = await linuxProgram(SOURCE);
  const kept = new Map<string, Uint8Array>();
  const codeStore = {
    get: (key: Uint8Array): Uint8Array | undefined => kept.get(bytesToHex(key)),
    put: (key: Uint8Array, bytes: Uint8Array): void => void kept.set(bytesToHex(key), bytes),
  };
  for (const model of ['v3', 'v2', 'v3'] as const) {
    const { output } = runInMachine(program, ['1000'], { cpu: model, translationThreshold: 0, codeStore });
    t.equal(output, PRINTED[model], model);
  }
  t.ok(kept.size > 0, `${kept.size} regions were kept`);
});
