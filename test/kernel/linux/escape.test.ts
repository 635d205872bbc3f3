/** A program that means to cannot leave its root or read what is hidden, also while the host moves directories and puts links. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { HiddenPaths } from '../../../src/host/linux/hidden-paths.js';
import { HostRoot } from '../../../src/host/linux/host-root.js';
import { sha256 } from '../../../src/host/sha256.js';
import { Computer, type MakeLinuxRoot } from '../../../src/index.js';
import { linuxProgram } from '../../support/linux-programs.js';
import { Random } from '../../support/random.js';
import { seedOf, volume } from '../../support/volume.js';

const source = fileURLToPath(new URL('../../../../test/kernel/linux/escape/random.c', import.meta.url));
const SECRET = 'what-nobody-is-to-read';
const SLICE_TICKS = 20_000;
const seed = seedOf(20265);

/** A root with some directories, a secret beside it, and one in a directory that is hidden. */
function makePlace(directory: string): { readonly root: string; readonly outside: string } {
  const [root, outside] = [join(directory, 'inside'), join(directory, 'outside')];
  for (const path of ['a/b', 'b/c', 'c', 'd/hidden']) fs.mkdirSync(join(root, path), { recursive: true });
  fs.mkdirSync(outside);
  for (const path of [outside, join(root, 'd/hidden')]) fs.writeFileSync(join(path, 'secret'), SECRET);
  return { root, outside };
}

/** The host moves a directory of the root, or puts a link to the secrets in the place of one, or takes that away. */
function disturb(root: string, outside: string, random: Random): void {
  const [from, to] = ['a', 'b', 'c', 'a/b', 'b/c'].sort(() => random.below(3) - 1).map((path) => join(root, path));
  const hidden = join(root, 'd/hidden');
  try {
    if (random.chance(2)) fs.renameSync(from!, to!);
    else if (fs.lstatSync(from!, { throwIfNoEntry: false })?.isSymbolicLink()) fs.unlinkSync(from!);
    else {
      if (fs.existsSync(from!)) fs.renameSync(from!, join(root, `moved${random.below(1000)}`));
      fs.symlinkSync(random.pick([outside, '../outside', hidden, 'd/hidden', `${outside}/secret`]), from!);
    }
  } catch (error) {
    // It is not there, or something else is.
    if (!('code' in (error as object))) throw error;
  }
}

/** What a program writes that has a root, and what comes between its slices. */
function run(
  program: string,
  words: readonly string[],
  root: MakeLinuxRoot,
  directory: string,
  between: () => void,
): string {
  let output = '';
  const computer = new Computer({
    ...{ sha256, memoryBytes: 2 ** 24, linuxRoot: root },
    console: { write: (bytes) => void (output += Buffer.from(bytes).toString('latin1')), read: () => 'end' },
  });
  const process = computer.start(fs.readFileSync(program), {
    ...{ name: 'program', limitBytes: 2 ** 30, argv: [program, ...words] },
    linux: { directory: Buffer.from(directory) },
  });
  while (computer.run(process, { maxTicks: SLICE_TICKS }).kind === 'limit') between();
  return `${output}${process.end?.exitCode}`;
}

t.test('no random program gets at a secret', async (t) => {
  const program = await linuxProgram(source, ['-w']);
  let leaks = 0;
  for (let round = 0; round < volume(12, 1000); round++) {
    const place = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'bd0-escape-')));
    const { root, outside } = makePlace(place);
    const random = new Random(seed + round);
    const words = [String(seed + round), SECRET];
    // A root in which the secrets are shows that it would find them.
    const open = run(
      program,
      [...words, '/outside'],
      (store) => new HostRoot(store, place),
      '/inside/d',
      () => {},
    );
    if (open.includes('leak')) leaks++;
    const hidden = new HiddenPaths({ hide: [join(root, 'd/hidden')], allow: [] });
    const output = run(
      program,
      [...words, outside],
      (store) => new HostRoot(store, root, hidden),
      '/d',
      () => disturb(root, outside, random),
    );
    t.equal(output, '0', `seed ${seed + round}`);
    fs.rmSync(place, { recursive: true });
  }
  t.ok(leaks > 0, 'with the secrets in its root, it finds them');
});
