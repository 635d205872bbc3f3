/** The commands of `bd0 vmo`: their options, and what their help says. What performs one is loaded when it is called. */
import type { InferredOptionTypes } from 'yargs';
import type { CommandHelp } from '../commands.js';
import type { OptionTable } from '../options.js';

/** A command as it is defined here. It has the common options besides its own. */
interface Definition<T extends OptionTable> {
  /** What follows the name of the command. */
  readonly usage?: string;
  /** One line. */
  readonly summary: string;
  /** Follows the summary in the command's own help. */
  readonly details?: string;
  readonly options?: T;
  /** It takes no --store. */
  readonly isStoreless?: true;
  /** What --json prints, if that is not one JSON object. */
  readonly json?: string;
  readonly examples: CommandHelp['examples'];
  /** Loads what performs it, which returns the exit code. */
  load(): Promise<(words: string[], options: InferredOptionTypes<T & typeof VMO_OPTIONS>) => Promise<number>>;
}

/** A command of `bd0 vmo`. */
export interface VmoCommand extends CommandHelp {
  /** Performs it, given all words but the options. Returns the exit code; throws Failure. */
  perform(words: readonly string[], options: Readonly<Record<string, unknown>>): Promise<number>;
}

/** The options of every command. They may also stand before its name. */
export const VMO_OPTIONS = {
  store: { requiresArg: true, string: true, describe: 'DIR of the store', defaultDescription: 'BD0_STORE' },
  json: { boolean: true, default: false, describe: 'print one JSON object' },
} as const satisfies OptionTable;

const LINES = 'print one JSON object per line';

const TARGET =
  'TARGET is a NAME, a NAME/PATH within a tree, an ID (4 digits or more, if no other ID starts with them), or a FILE.';
const STORED = 'TARGET is an ID, a NAME or a NAME/PATH.';

/** By name, in the order of the help. */
export const VMO_COMMANDS: Readonly<Record<string, VmoCommand>> = {
  import: command({
    usage: 'FILE|DIR|- [--name NAME]',
    summary: 'import a file or a tree into the store',
    details:
      'Prints its ID. - is standard input. Content without a name or a pin is removed by gc. Exit code: 0 for everything, 1 if some entries were skipped; each is reported.',
    options: {
      name: { requiresArg: true, string: true, describe: 'NAME for it; other content loses that name' },
      stream: { boolean: true, default: false, describe: 'FILE is a canonical stream, made by export' },
      times: { boolean: true, default: true, describe: 'keep modification times; --no-times to omit them' },
      owners: { boolean: true, default: false, describe: 'keep owners and groups, as numbers' },
      xattrs: { boolean: true, default: false, describe: 'keep extended attributes' },
    },
    examples: [
      ['bd0 vmo import --store ~/.bd0 src --name backup/src', 'a tree'],
      ['tar c . | bd0 vmo import - --name all.tar', 'with BD0_STORE set'],
      ['bd0 vmo import --stream all.vmo', 'a file that export wrote'],
    ],
    load: async () => (await import('./commands/import.js')).importContent,
  }),
  ls: command({
    usage: '[NAME...]',
    summary: 'list names, or the entries of a tree',
    details: 'Without NAME, lists all names. NAME may also be NAME/PATH or an ID.',
    options: { long: { alias: 'l', boolean: true, default: false, describe: 'show whole IDs' } },
    json: LINES,
    examples: [
      ['bd0 vmo ls', 'all names'],
      ['bd0 vmo ls backup/src/cli', 'a directory within a tree'],
    ],
    load: async () => (await import('./commands/list.js')).list,
  }),
  cat: command({
    usage: 'TARGET [--offset SIZE] [--length SIZE]',
    summary: 'print the bytes of content',
    details: TARGET,
    options: {
      offset: { requiresArg: true, string: true, describe: 'SIZE to skip at the start', defaultDescription: '0' },
      length: { requiresArg: true, string: true, describe: 'SIZE to print at most', defaultDescription: 'all' },
    },
    json: 'print one JSON object, the bytes as base64',
    examples: [['bd0 vmo cat backup/src/index.ts'], ['bd0 vmo cat 5ad1c0 --offset 1MB --length 512']],
    load: async () => (await import('./commands/cat.js')).cat,
  }),
  hash: command({
    usage: 'FILE...',
    summary: "print the ID of each file's content",
    details: '- is standard input. Needs no store.',
    json: LINES,
    examples: [['bd0 vmo hash README.md'], ['bd0 vmo hash --json *.c', 'each with its length']],
    isStoreless: true,
    load: async () => (await import('./commands/hash.js')).hashFiles,
  }),
  explain: command({
    usage: 'TARGET|RECIPE|@FILE [--depth N] [--dot]',
    summary: 'show how content is composed',
    details: `Draws the graph of extents and the canonical tree. ${TARGET} RECIPE is JSON: {"bytes": "00ff"}, {"pattern": 5000}, {"zeros": 4096}, {"slice": [RECIPE, OFFSET, LENGTH]}, {"concat": [RECIPE, ...]} or {"delta": [RECIPE, [[OFFSET, "00ff"], ...]]}; @FILE contains one.`,
    options: {
      depth: { requiresArg: true, string: true, describe: 'draw N levels', defaultDescription: 'about 60 lines' },
      dot: { boolean: true, default: false, describe: 'draw for Graphviz' },
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
    summary: 'show where two contents differ',
    details: `Prints ranges of bytes; for two trees, the paths that differ. Exit code: 0 equal, 1 different. ${TARGET}`,
    options: { times: { boolean: true, default: false, describe: 'for trees, also compare modification times' } },
    json: LINES,
    examples: [
      ['bd0 vmo diff backup/monday backup/tuesday', 'two trees'],
      ['bd0 vmo diff backup/src/index.ts ./src/index.ts', 'with a file'],
    ],
    load: async () => (await import('./commands/diff.js')).diff,
  }),
  export: command({
    usage: 'TARGET [-o FILE]',
    summary: 'write the canonical stream of content',
    details: `For a tree, includes everything in it. ${STORED}`,
    options: {
      output: {
        alias: 'o',
        requiresArg: true,
        string: true,
        describe: 'FILE to write',
        defaultDescription: 'standard output',
      },
    },
    json: 'print one JSON object; needs -o',
    examples: [
      ['bd0 vmo export backup/src -o src.vmo'],
      ['bd0 vmo export 5ad1c0 | ssh host bd0 vmo import --stream -'],
    ],
    load: async () => (await import('./commands/export.js')).exportStream,
  }),
  checkout: command({
    usage: 'TARGET PATH',
    summary: 'write a tree or a file of the store to PATH',
    details: `PATH must not exist, or must be an empty directory. Keeps modes, times, hard links and holes. ${STORED}`,
    options: {
      owners: { boolean: true, default: false, describe: 'set owners and groups, if they were kept' },
      xattrs: { boolean: true, default: false, describe: 'set extended attributes, if they were kept' },
      devices: { boolean: true, default: false, describe: 'create devices' },
    },
    examples: [['bd0 vmo checkout backup/src restored']],
    load: async () => (await import('./commands/checkout.js')).checkout,
  }),
  name: command({
    usage: 'TARGET NAME',
    summary: 'give content a name',
    details: `If other content has the name, it loses it. ${STORED}`,
    examples: [['bd0 vmo name 5ad1c0 releases/1.0']],
    load: async () => (await import('./commands/names.js')).nameContent,
  }),
  mv: command({
    usage: 'NAME NEW-NAME',
    summary: 'rename content',
    examples: [['bd0 vmo mv backup/src backup/old']],
    load: async () => (await import('./commands/names.js')).moveName,
  }),
  rm: command({
    usage: 'NAME...',
    summary: 'remove names',
    details: 'The content stays until gc removes what no name or pin reaches.',
    json: LINES,
    examples: [['bd0 vmo rm backup/old && bd0 vmo gc']],
    load: async () => (await import('./commands/names.js')).removeNames,
  }),
  pin: command({
    usage: '[TARGET...]',
    summary: 'keep content that has no name',
    details: 'Without TARGET, lists what is pinned.',
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
    summary: 'remove content that no name or pin reaches',
    details:
      'Condemns what it finds; a later gc removes it after the grace period. Exit code 1 without removing anything: content that a name reaches is missing or damaged, or nothing would be left.',
    options: {
      'dry-run': { boolean: true, default: false, describe: 'only show what would be removed' },
      grace: { requiresArg: true, string: true, describe: 'TIME (30m, 2d) to keep it', defaultDescription: '1h' },
      all: { boolean: true, default: false, describe: 'even if nothing is left' },
    },
    examples: [['bd0 vmo gc --dry-run'], ['bd0 vmo gc --grace 0', 'remove it at once']],
    load: async () => (await import('./commands/maintain.js')).collect,
  }),
  verify: command({
    usage: '[--repair]',
    summary: 'check everything, and report damage',
    details: 'Exit code: 0 intact, 1 damaged. Importing the same content again restores what was lost.',
    options: {
      repair: { boolean: true, default: false, describe: 'set aside damaged content, keep what is intact' },
    },
    json: LINES,
    examples: [['bd0 vmo verify']],
    load: async () => (await import('./commands/maintain.js')).verify,
  }),
  stat: command({
    summary: 'show the size of the store, and what it saves',
    examples: [['bd0 vmo stat']],
    load: async () => (await import('./commands/stat.js')).stat,
  }),
};

function command<T extends OptionTable>(definition: Definition<T>): VmoCommand {
  const { usage = '', summary, details, options, json, examples, isStoreless, load } = definition;
  const { store, ...storeless } = {
    ...VMO_OPTIONS,
    ...options,
    json: { ...VMO_OPTIONS.json, describe: json ?? VMO_OPTIONS.json.describe },
  };
  return {
    ...{ usage, summary, examples },
    about: [sentence(summary), details].filter(Boolean).join(' '),
    options: isStoreless ? storeless : { store, ...storeless },
    perform: async (words, given) => {
      const [{ performed }, perform] = await Promise.all([import('./perform.js'), load()]);
      return performed(() => perform([...words], given as Parameters<typeof perform>[1]));
    },
  };
}

function sentence(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}
