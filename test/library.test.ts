/** docs/library.md: it names the whole public API and nothing else, and its examples compile, run, and print what it shows. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import ts from 'typescript';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(root, 'docs/library.md'), 'utf8');

/** The packages, each with its section of the page. */
const SECTIONS: Readonly<Record<string, string>> = {
  bd0: page.slice(page.indexOf('\n# bd0\n'), page.indexOf('\n# bd0/node\n')),
  'bd0/node': page.slice(page.indexOf('\n# bd0/node\n')),
};

const COMPILER_OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'],
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noUnusedLocals: true,
  skipLibCheck: true,
  allowJs: true,
  checkJs: true,
  noEmit: true,
};

const EMITTED: ts.CompilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };

/** A module of the page, and what it prints. */
interface Example {
  /** The line of the page that its code follows. */
  readonly line: number;
  readonly code: string;
  readonly output: string;
}

function examplesOf(text: string): Example[] {
  const found = text.matchAll(/^```ts\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?/gms);
  return Array.from(found, ({ index, 1: code, 2: output }) => {
    return { line: text.slice(0, index).split('\n').length, code: code!, output: output ?? '' };
  });
}

const examples = examplesOf(page);
/** The example of the README compiles, too; the page has it in parts that run. */
const readme = examplesOf(readFileSync(join(root, 'README.md'), 'utf8')).map((example) => ({ ...example, line: -1 }));
/** Inside the package, so that it is found by its name. */
const directory = t.testdir({});
const pathOf = ({ line }: Example): string => join(directory, `line-${line}.ts`);
for (const example of [...examples, ...readme]) writeFileSync(pathOf(example), example.code);
const programs = ['run', 'hooks', 'store'].map((name) => join(root, `examples/node/${name}.mjs`));
const pageModules = [join(root, 'examples/browser/page.js')];
const index = join(directory, 'index.ts');
writeFileSync(
  index,
  Object.keys(SECTIONS)
    .map((name, i) => `export * as m${i} from '${name}';\n`)
    .join(''),
);
const program = ts.createProgram(
  [index, ...[...examples, ...readme].map(pathOf), ...programs, ...pageModules],
  COMPILER_OPTIONS,
);
const checker = program.getTypeChecker();

/** The exports of a package by its name, types included. */
function exportsOf(name: string): ts.Symbol[] {
  const position = Object.keys(SECTIONS).indexOf(name);
  const statement = program.getSourceFile(index)!.statements[position] as ts.ExportDeclaration;
  return checker.getExportsOfModule(checker.getSymbolAtLocation(statement.moduleSpecifier!)!);
}

/** Whether a symbol is there when a program runs. */
function isValue(symbol: ts.Symbol): boolean {
  return (
    ((symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol).flags & ts.SymbolFlags.Value) !==
    0
  );
}

/** The public members of a class or an interface, static ones included. */
function membersOf(symbol: ts.Symbol): string[] {
  const declared = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const members = [...(declared.members?.values() ?? []), ...(declared.exports?.values() ?? [])];
  const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
  return members
    .filter(({ declarations = [] }) => declarations.every((each) => (ts.getCombinedModifierFlags(each) & hidden) === 0))
    .map(({ name }) => name)
    .filter((name) => !name.startsWith('__') && name !== 'prototype');
}

for (const [name, section] of Object.entries(SECTIONS))
  t.test(`the page names every export of ${name} and no other`, async (t) => {
    const rows = Array.from(section.matchAll(/^\| `([\w.]+)` /gm), ([, row]) => row!);
    const symbols = exportsOf(name);
    t.strictSame(new Set(rows).size, rows.length, 'each once');
    t.strictSame(rows.filter((row) => !row.includes('.')).sort(), symbols.map((symbol) => symbol.name).sort());
    // Where the members of a class or an interface are listed, all of them are.
    for (const owner of new Set(rows.filter((row) => row.includes('.')).map((row) => row.split('.')[0]!))) {
      const members = membersOf(symbols.find((symbol) => symbol.name === owner)!).map((member) => `${owner}.${member}`);
      t.strictSame(rows.filter((row) => row.startsWith(`${owner}.`)).sort(), members.sort());
    }
    for (const symbol of symbols.filter(isValue))
      t.match(examplesOf(section).map(({ code }) => code).join(''), new RegExp(`\\b${symbol.name}\\b`), `an example of ${symbol.name}`); // prettier-ignore
  });

t.test('the examples compile against the package', async (t) => {
  const diagnostics = ts.getPreEmitDiagnostics(program).filter(({ file }) => !file?.fileName.includes('node_modules'));
  const host = {
    getCurrentDirectory: () => root,
    getCanonicalFileName: (name: string) => name,
    getNewLine: () => '\n',
  };
  t.equal(ts.formatDiagnostics(diagnostics, host), '');
});

t.test('the examples print what the page shows', async (t) => {
  const modules = examples.map((example) => {
    const { outputText } = ts.transpileModule(example.code, { compilerOptions: EMITTED });
    const path = pathOf(example).replace(/\.ts$/, '.mjs');
    writeFileSync(path, outputText);
    return path;
  });
  // One process for all: most of a run is the start of Node and the engine.
  const end = '\n-- end of the example\n';
  const all = modules.map(
    (path) => `await import(${JSON.stringify(path)}); process.stdout.write(${JSON.stringify(end)});`,
  );
  writeFileSync(join(directory, 'all.mjs'), all.join('\n'));
  const env = { ...process.env, TMPDIR: directory };
  const { stdout, stderr } = spawnSync(process.execPath, [join(directory, 'all.mjs')], {
    encoding: 'utf8',
    input: '',
    env,
  });
  t.equal(stderr, '');
  const printed = stdout.split(end);
  examples.forEach(({ line, output }, i) => t.equal(printed[i], output, `the example in line ${line}`));
  t.equal(printed.length, examples.length + 1);
});

t.test('the programs of examples/node do what they say', async (t) => {
  const [run, hooks, store] = programs.map((path) => (...words: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [path, ...words], {
      encoding: 'utf8',
      input: 'in\n',
    });
    return `${stdout}${stderr}${status}`;
  });
  t.match(run!('cat'), /^in\nexited: \d+ instructions, \d+ pages of memory\n0$/);
  t.match(run!('no_such_guest'), /^there is no file 'no_such_guest', .*\n1$/);
  t.match(hooks!('ring'), /^at tick 1000: .*\n(.*\n)*\d+ x call console_write\n(.*\n)*exited after \d+ ticks, machine [0-9a-f]{64}\nthe interpreter agrees: true\n0$/); // prettier-ignore
  const kept = join(directory, 'store');
  const told = 'exit code 0\ngreeting is [0-9a-f]{12}\\.\\.\\.\nguest is [0-9a-f]{12}\\.\\.\\.\n0$';
  t.match(store!(kept), new RegExp(`^the image is new\n${told}`));
  t.match(store!(kept), new RegExp(`^the image is known\n${told}`));
});
