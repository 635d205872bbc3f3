/** The commands of `bd0 vmo`: their words and options, as yargs shows them. What performs one is loaded when it is called. */
import type { Argv, InferredOptionTypes, Options } from 'yargs';

/** What a command says of itself, and what performs it. All but `options` of its own are those that every command has. */
interface VmoCommand<T extends Record<string, Options>> {
  /** What follows the name of the command. */
  readonly usage?: string;
  /** One line. */
  readonly summary: string;
  /** More of it, for its own help. */
  readonly details?: string;
  readonly options?: T;
  /** It takes no --store. */
  readonly isStoreless?: true;
  /** What --json makes of its output, where that is not one JSON object. */
  readonly json?: string;
  readonly examples: readonly (readonly [command: string, meaning?: string])[];
  /** Loads what performs it: that answers the exit code. */
  load(): Promise<(words: string[], options: InferredOptionTypes<T & typeof COMMON>) => Promise<number>>;
}

/** Any command. */
type Registration = (vmo: Argv, name: string, ended: (exitCode: number) => void) => Argv;

/** The options of every command. */
const COMMON = {
  store: { requiresArg: true, string: true, describe: 'DIR of the store', defaultDescription: 'BD0_STORE' },
  json: { boolean: true, default: false, describe: 'one JSON object' },
} as const satisfies Record<string, Options>;

const LINES = 'one JSON object a line';

const TARGET =
  'TARGET is a NAME, a NAME/PATH within a tree, an ID (4 digits or more, if no other begins so), or a FILE.';
const STORED = 'TARGET is an ID, a NAME or a NAME/PATH.';

/** By name, in the order of the help. */
const COMMANDS: Readonly<Record<string, Registration>> = {
  import: command({
    usage: 'FILE|DIR|- [--name NAME]',
    summary: 'take a file or a tree into the store',
    details:
      'Tells its ID. - is standard input. What has no name and no pin is for gc to take away. Exit code: 0 all of it, 1 all but the entries that are told.',
    options: {
      name: { requiresArg: true, string: true, describe: 'NAME that it gets, and any other loses' },
      stream: { boolean: true, default: false, describe: 'FILE is a canonical stream, made by export' },
      times: { boolean: true, default: true, describe: 'keep when files changed; --no-times does not' },
      owners: { boolean: true, default: false, describe: 'keep owners and groups, as numbers' },
      xattrs: { boolean: true, default: false, describe: 'keep extended attributes' },
    },
    examples: [
      ['bd0 vmo import --store ~/.bd0 src --name backup/src', 'a tree'],
      ['tar c . | bd0 vmo import - --name all.tar', 'with BD0_STORE set'],
      ['bd0 vmo import --stream all.vmo', 'what export has written'],
    ],
    load: async () => (await import('./commands/import.js')).importContent,
  }),
  ls: command({
    usage: '[NAME...]',
    summary: 'names, or what is in a tree',
    details: 'Without NAME: all names. NAME may be NAME/PATH, or an ID.',
    options: { long: { alias: 'l', boolean: true, default: false, describe: 'whole IDs' } },
    json: LINES,
    examples: [
      ['bd0 vmo ls', 'all names'],
      ['bd0 vmo ls backup/src/cli', 'a directory within a tree'],
    ],
    load: async () => (await import('./commands/list.js')).list,
  }),
  cat: command({
    usage: 'TARGET [--offset SIZE] [--length SIZE]',
    summary: 'the bytes of content',
    details: TARGET,
    options: {
      offset: { requiresArg: true, string: true, describe: 'SIZE to leave out', defaultDescription: '0' },
      length: { requiresArg: true, string: true, describe: 'SIZE, at most', defaultDescription: 'all' },
    },
    json: 'one JSON object, the bytes as base64',
    examples: [['bd0 vmo cat backup/src/index.ts'], ['bd0 vmo cat 5ad1c0 --offset 1MB --length 512']],
    load: async () => (await import('./commands/cat.js')).cat,
  }),
  hash: command({
    usage: 'FILE...',
    summary: "the identity of each file's content",
    details: '- is standard input. Needs no store.',
    json: LINES,
    examples: [['bd0 vmo hash README.md'], ['bd0 vmo hash --json *.c', 'each with its length']],
    isStoreless: true,
    load: async () => (await import('./commands/hash.js')).hashFiles,
  }),
  explain: command({
    usage: 'TARGET|RECIPE|@FILE [--depth N] [--dot]',
    summary: 'the graph of extents, and the canonical tree',
    details: `${TARGET} RECIPE is JSON: {"bytes": "00ff"}, {"pattern": 5000}, {"zeros": 4096}, {"slice": [RECIPE, OFFSET, LENGTH]}, {"concat": [RECIPE, ...]} or {"delta": [RECIPE, [[OFFSET, "00ff"], ...]]}; @FILE holds one.`,
    options: {
      depth: { requiresArg: true, string: true, describe: 'N levels', defaultDescription: 'about 60 lines' },
      dot: { boolean: true, default: false, describe: 'for Graphviz' },
    },
    examples: [
      ['bd0 vmo explain README.md'],
      ['bd0 vmo explain \'{"zeros": "1TB"}\'', 'a recipe'],
      ['bd0 vmo explain src.tar --dot | dot -Tsvg -o src.svg', 'a picture'],
    ],
    load: async () => (await import('./commands/explain.js')).explain,
  }),
  diff: command({
    usage: 'TARGET TARGET',
    summary: 'where two contents differ',
    details: `Ranges of bytes; of two trees, what differs in them. Exit code: 0 equal, 1 different. ${TARGET}`,
    options: { times: { boolean: true, default: false, describe: 'of trees, also when files changed' } },
    json: LINES,
    examples: [
      ['bd0 vmo diff backup/monday backup/tuesday', 'two trees'],
      ['bd0 vmo diff backup/src/index.ts ./src/index.ts', 'with a file'],
    ],
    load: async () => (await import('./commands/diff.js')).diff,
  }),
  export: command({
    usage: 'TARGET [-o FILE]',
    summary: 'the canonical stream of content',
    details: `Of a tree, with all that is in it. ${STORED}`,
    options: {
      output: { alias: 'o', requiresArg: true, string: true, describe: 'FILE', defaultDescription: 'standard output' },
    },
    json: 'one JSON object; needs -o',
    examples: [
      ['bd0 vmo export backup/src -o src.vmo'],
      ['bd0 vmo export 5ad1c0 | ssh host bd0 vmo import --stream -'],
    ],
    load: async () => (await import('./commands/export.js')).exportStream,
  }),
  checkout: command({
    usage: 'TARGET PATH',
    summary: 'write a tree or a file of the store to PATH',
    details: `PATH must not be there, or be an empty directory. Modes, times, hard links and holes are kept. ${STORED}`,
    options: {
      owners: { boolean: true, default: false, describe: 'set owners and groups, if they were kept' },
      xattrs: { boolean: true, default: false, describe: 'set extended attributes, if they were kept' },
      devices: { boolean: true, default: false, describe: 'make devices' },
    },
    examples: [['bd0 vmo checkout backup/src restored']],
    load: async () => (await import('./commands/checkout.js')).checkout,
  }),
  name: command({
    usage: 'TARGET NAME',
    summary: 'give content a name',
    details: `Any other content loses it. ${STORED}`,
    examples: [['bd0 vmo name 5ad1c0 releases/1.0']],
    load: async () => (await import('./commands/names.js')).nameContent,
  }),
  mv: command({
    usage: 'NAME NAME',
    summary: 'change a name',
    examples: [['bd0 vmo mv backup/src backup/old']],
    load: async () => (await import('./commands/names.js')).moveName,
  }),
  rm: command({
    usage: 'NAME...',
    summary: 'take names away',
    details: 'Content stays until gc finds that nothing holds it.',
    json: LINES,
    examples: [['bd0 vmo rm backup/old && bd0 vmo gc']],
    load: async () => (await import('./commands/names.js')).removeNames,
  }),
  pin: command({
    usage: '[TARGET...]',
    summary: 'keep content without a name; without TARGET: what is pinned',
    json: LINES,
    examples: [['bd0 vmo pin 5ad1c0']],
    load: async () => (await import('./commands/names.js')).pin,
  }),
  unpin: command({
    usage: 'ID...',
    summary: 'undo pin',
    json: LINES,
    examples: [['bd0 vmo unpin 5ad1c0']],
    load: async () => (await import('./commands/names.js')).unpin,
  }),
  gc: command({
    usage: '[--dry-run] [--grace TIME] [--all]',
    summary: 'remove what no name and no pin reaches',
    details:
      'What it finds is condemned, and removed by a later gc after the time of grace. Exit code 1, and nothing is removed: something that a name reaches is missing or damaged, or nothing would be left.',
    options: {
      'dry-run': { boolean: true, default: false, describe: 'only show what would go' },
      grace: { requiresArg: true, string: true, describe: 'TIME (30m, 2d) to keep it', defaultDescription: '1h' },
      all: { boolean: true, default: false, describe: 'even if nothing is left' },
    },
    examples: [['bd0 vmo gc --dry-run'], ['bd0 vmo gc --grace 0', 'remove it at once']],
    load: async () => (await import('./commands/maintain.js')).collect,
  }),
  verify: command({
    usage: '[--repair]',
    summary: 'read everything, and name what is damaged',
    details: 'Exit code: 0 whole, 1 damaged. What is lost can be imported again.',
    options: {
      repair: { boolean: true, default: false, describe: 'put away what is damaged, keep what is whole' },
    },
    json: LINES,
    examples: [['bd0 vmo verify']],
    load: async () => (await import('./commands/maintain.js')).verify,
  }),
  stat: command({
    summary: 'how much there is, and how small it has become',
    examples: [['bd0 vmo stat']],
    load: async () => (await import('./commands/stat.js')).stat,
  }),
};

/** Names of the commands. */
export const VMO_COMMANDS: readonly string[] = Object.keys(COMMANDS);

/** Tells yargs of all commands. `ended` is told the exit code of the one that was performed. */
export function addVmoCommands(vmo: Argv, ended: (exitCode: number) => void): Argv {
  const usage =
    'bd0 vmo COMMAND ...\n\nContent by its hash: equal bytes have one ID and are kept once. A store is a directory: ' +
    '--store DIR, or BD0_STORE in the environment.';
  const all = Object.entries(COMMANDS).reduce((parser, [name, register]) => register(parser, name, ended), vmo);
  return all
    .usage(usage)
    .example('bd0 vmo hash README.md', '')
    .example('bd0 vmo import src --store ~/.bd0 --name src', '')
    .example('bd0 vmo COMMAND --help', 'what a command does, and its options');
}

function command<T extends Record<string, Options>>(definition: VmoCommand<T>): Registration {
  const { usage = '', summary, details, options, json, examples, load } = definition;
  const all = { ...COMMON, ...options, json: { ...COMMON.json, describe: json ?? COMMON.json.describe } };
  const build = (name: string) => (parser: Argv) => {
    const about = `bd0 vmo ${`${name} ${usage}`.trim()}\n\n${[sentence(summary), details].filter(Boolean).join(' ')}`;
    const { store, ...storeless } = all;
    const described = parser.usage(about).options(definition.isStoreless ? storeless : { store, ...storeless });
    return examples.reduce((parser, [line, meaning = '']) => parser.example(line, meaning), described);
  };
  return (vmo, name, ended) =>
    vmo.command(name, summary, build(name), async ({ _: [, , ...words], ...given }) => {
      const { performed } = await import('./perform.js');
      const perform = await load();
      ended(await performed(() => perform(words.map(String), given as Parameters<typeof perform>[1])));
    });
}

function sentence(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}
