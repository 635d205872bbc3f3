/** Rules for the sources: design/architecture.md "The house", design/style.md "What that means here". */
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import ts from 'typescript';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A file that grows past these does more than one thing. */
const FUNCTION_LINES_MAX = 60;
const FIELDS_MAX = 15;
const IMPORTS_MAX = 20;
const FILES_MAX = 20;

/** Folders that hold a table of like files, one for each family, and may hold as many as there are families. */
const TABLES = [
  'src/cpu/meaning/isa',
  'src/cpu/meaning/opcodes',
  'src/kernel/calls',
  'src/kernel/linux/calls',
  'src/cli/vmo/commands',
];

/** The layers of src/, each with those that it may import; itself goes without saying. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  bits: [],
  sorted: [],
  state: ['bits'],
  memory: ['bits'],
  mmu: ['memory', 'sorted', 'bits'],
  vmo: ['memory', 'sorted', 'state', 'bits'],
  cpu: ['mmu', 'memory', 'sorted', 'state', 'bits'],
  network: ['state', 'bits'],
  kernel: ['network', 'random-stream', 'cpu', 'mmu', 'vmo', 'memory', 'sorted', 'state', 'bits'],
  'random-stream': ['state'],
  devices: ['network', 'random-stream', 'vmo', 'memory', 'state', 'bits'],
  board: ['machine-state', 'snapshot', 'devices', 'network', 'cpu', 'vmo', 'memory', 'state', 'bits'],
  boot: ['board', 'cpu', 'mmu', 'memory', 'bits'],
  snapshot: ['vmo', 'state'],
  'saved-snapshot': ['snapshot', 'memory', 'vmo', 'state', 'bits'],
  'machine-state': ['saved-snapshot', 'snapshot', 'cpu', 'vmo', 'memory', 'state', 'bits'],
  'computer-options': ['machine-state', 'kernel', 'cpu', 'vmo'],
  computer: [
    'computer-options',
    'machine-state',
    'snapshot',
    'kernel',
    'cpu',
    'mmu',
    'vmo',
    'memory',
    'sorted',
    'state',
    'bits',
  ],
  debug: [
    'network',
    'board',
    'computer',
    'computer-options',
    'machine-state',
    'snapshot',
    'kernel',
    'cpu',
    'mmu',
    'vmo',
    'memory',
    'state',
    'sorted',
    'bits',
  ],
  index: [
    'boot',
    'board',
    'devices',
    'network',
    'debug',
    'computer',
    'computer-options',
    'saved-snapshot',
    'snapshot',
    'state',
    'kernel',
    'cpu',
    'mmu',
    'vmo',
    'memory',
    'bits',
  ],
  web: [
    'boot',
    'board',
    'debug',
    'computer',
    'computer-options',
    'snapshot',
    'saved-snapshot',
    'state',
    'kernel',
    'cpu',
    'mmu',
    'vmo',
    'memory',
    'sorted',
    'bits',
  ],
  host: ['index', 'network', 'debug', 'computer', 'kernel', 'cpu', 'mmu', 'vmo', 'memory', 'sorted', 'bits'],
  cli: ['host', 'index'],
};

/** The layers that need Node: all others are the core. */
const NODE_LAYERS = ['host', 'cli'];

/** The layer that needs a browser: what it runs in a machine is the core's. */
const BROWSER_LAYER = 'web';

/** Packages that the core may import: those that run in a browser too. */
const CORE_PACKAGES = ['@noble/hashes'];

/** The packages that pages may import besides, all of one family. */
const BROWSER_PACKAGES = /^@xterm\/[\w-]+$/;

/** What Node has, and browsers have not. */
const NODE_GLOBALS = ['Buffer', 'process', 'global', 'require', '__dirname', '__filename', 'setImmediate'];

/** What a host has, and what would make a run more than a function of its inputs. */
const HOST_GLOBALS = [
  ...[...NODE_GLOBALS, 'window', 'document', 'navigator'],
  ...['Date', 'performance', 'crypto', 'setTimeout', 'setInterval', 'queueMicrotask', 'fetch'],
];

interface Source {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
  /** Parses the text when it is first asked for. */
  readonly getTree: () => ts.SourceFile;
}

/** Files of a directory, in the order of their names. */
function filesOf(directory: string): string[] {
  const entries = readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' });
  const paths = entries.map((entry) => `${directory}/${entry}`);
  return paths.filter((path) => statSync(join(root, path)).isFile()).sort();
}

function sourcesOf(...directories: readonly string[]): Source[] {
  const paths = directories.flatMap(filesOf).filter((path) => ['.ts', '.cts'].includes(extname(path)));
  return paths.map((path) => {
    const text = readFileSync(join(root, path), 'utf8');
    let tree: ts.SourceFile | undefined;
    // Most rules read the text alone.
    return { path, text, getTree: () => (tree ??= ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true)) };
  });
}

const sources = sourcesOf('src');
const core = sources.filter(({ path }) => !NODE_LAYERS.includes(layerOf(path)));

/** `kernel` for src/kernel/calls/exit.ts, `bits` for src/bits.ts. */
function layerOf(path: string): string {
  return path.split('/')[1]!.replace(/\.c?ts$/, '');
}

/** The modules that a source imports, as they stand there; import() and import types included. */
function importsOf({ text }: Source): string[] {
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
}

/** Where a relative import leads, from the root of the repository. */
function target(from: string, specifier: string): string {
  return relative(root, join(root, from, '..', specifier)).replace(/\.(c?)js$/, '.$1ts');
}

function forEachNode(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => forEachNode(child, visit));
}

t.test('every file of src/ belongs to a layer', async (t) => {
  const strangers = sources.map(({ path }) => path).filter((path) => !Object.hasOwn(LAYERS, layerOf(path)));
  t.strictSame(strangers, []);
});

t.test('imports run downward only', async (t) => {
  const upward = sources.flatMap((source) => {
    const layer = layerOf(source.path);
    const allowed = [layer, ...(LAYERS[layer] ?? [])];
    const relatives = importsOf(source).filter((specifier) => specifier.startsWith('.'));
    const wrong = relatives.filter((specifier) => !allowed.includes(layerOf(target(source.path, specifier))));
    return wrong.map((specifier) => `${source.path} imports ${specifier}`);
  });
  t.strictSame(upward, []);
});

t.test('imports name files that exist, by their compiled names', async (t) => {
  const lost = sources.flatMap((source) => {
    const relatives = importsOf(source).filter((specifier) => specifier.startsWith('.'));
    const wrong = relatives.filter(
      (name) => !/\.c?js$/.test(name) || !existsSync(join(root, target(source.path, name))),
    );
    return wrong.map((specifier) => `${source.path} imports ${specifier}`);
  });
  t.strictSame(lost, []);
});

t.test('the core imports nothing of Node, and no package that a browser has not', async (t) => {
  const foreign = core.flatMap((source) => {
    const packages = importsOf(source).filter((specifier) => !specifier.startsWith('.'));
    const isPage = layerOf(source.path) === BROWSER_LAYER;
    const isAllowed = (name: string): boolean =>
      CORE_PACKAGES.some((allowed) => name.startsWith(`${allowed}/`)) || (isPage && BROWSER_PACKAGES.test(name));
    const wrong = packages.filter((name) => !isAllowed(name));
    return wrong.map((specifier) => `${source.path} imports ${specifier}`);
  });
  t.strictSame(foreign, []);
});

t.test('the core uses nothing of its host: no Buffer, no process, no wall clock, no randomness', async (t) => {
  t.strictSame(core.flatMap(hostUses), []);
});

/** Uses of globals that a host has; names that the file declares itself are its own. */
function hostUses({ path, getTree }: Source): string[] {
  const tree = getTree();
  const globals = path.startsWith(`src/${BROWSER_LAYER}/`) ? NODE_GLOBALS : HOST_GLOBALS;
  const declared = new Set<string>();
  forEachNode(tree, (node) => {
    if (isDeclaration(node) && node.name && ts.isIdentifier(node.name)) declared.add(node.name.text);
  });
  const uses: string[] = [];
  forEachNode(tree, (node) => {
    if (!ts.isIdentifier(node)) return;
    const line = tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1;
    const global = globals.includes(node.text) && !declared.has(node.text) && isReference(node);
    const random = node.text === 'random' && node.parent.getText(tree) === 'Math.random';
    if (global || random) uses.push(`${path}:${line} uses ${random ? 'Math.random' : node.text}`);
  });
  return uses;
}

function isDeclaration(node: ts.Node): node is ts.NamedDeclaration {
  return (
    ts.isVariableDeclaration(node) ||
    ts.isParameter(node) ||
    ts.isBindingElement(node) ||
    ts.isFunctionDeclaration(node) ||
    ts.isImportSpecifier(node)
  );
}

/** False for a name after a dot, and for the name of a property or a method. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  return !('name' in parent && parent.name === node) && !('propertyName' in parent && parent.propertyName === node);
}

t.test('the host-use detector finds host uses', async (t) => {
  const text =
    'const x = Date.now() + Math.random();\nexport const f = (process: number) => process + x.performance;\n';
  const tree = ts.createSourceFile('made-up.ts', text, ts.ScriptTarget.ES2022, true);
  t.strictSame(hostUses({ path: 'made-up.ts', text, getTree: () => tree }), [
    'made-up.ts:1 uses Date',
    'made-up.ts:1 uses Math.random',
  ]);
});

t.test('functions, classes, files and folders stay small', async (t) => {
  const sizes = [...[...sources, ...sourcesOf('bench')].flatMap(sizesOf), ...folderSizes()];
  t.strictSame(
    sizes.filter(exceeds).map(([name, size]) => `${name}: ${size}, at most ${limitOf(name)}`),
    [],
  );
});

const LIMITS: readonly [kind: string, most: number][] = [
  ['lines of ', FUNCTION_LINES_MAX],
  ['fields of ', FIELDS_MAX],
  ['imports of ', IMPORTS_MAX],
  ['files in ', FILES_MAX],
];

/** A measured thing, such as `fields of src/kernel/kernel.ts Kernel`, and its size. */
type Size = readonly [name: string, size: number];

function limitOf(name: string): number {
  return LIMITS.find(([kind]) => name.startsWith(kind))![1];
}

function exceeds([name, size]: Size): boolean {
  return size > limitOf(name);
}

/** Files in each folder of src/, tables of like files aside. */
function folderSizes(): Size[] {
  const folders = new Map<string, number>();
  for (const { path } of sources) folders.set(dirname(path), (folders.get(dirname(path)) ?? 0) + 1);
  return [...folders]
    .filter(([folder]) => !TABLES.includes(folder))
    .map(([folder, files]) => [`files in ${folder}`, files]);
}

/** Imports of a file, lines of its functions and fields of its classes. */
function sizesOf({ path, getTree }: Source): Size[] {
  const tree = getTree();
  const imports = tree.statements.filter(ts.isImportDeclaration).length;
  const found: Size[] = [[`imports of ${path}`, imports]];
  forEachNode(tree, (node) => {
    if (ts.isClassLike(node)) found.push([`fields of ${path} ${node.name?.text ?? 'a class'}`, fieldsOf(node)]);
    if (!ts.isFunctionLike(node) || !('body' in node) || !node.body) return;
    const [first, last] = [node.getStart(tree), node.end].map((at) => tree.getLineAndCharacterOfPosition(at).line);
    found.push([`lines of ${path} ${node.name?.getText(tree) ?? 'an arrow function'}`, last! - first! + 1]);
  });
  return found;
}

/** Fields of its instances: declared ones, and parameters of the constructor that are fields. */
function fieldsOf(node: ts.ClassLikeDeclaration): number {
  return node.members.flatMap((member): readonly ts.Node[] => {
    if (ts.isConstructorDeclaration(member))
      return member.parameters.filter((parameter) => ts.isParameterPropertyDeclaration(parameter, member));
    const isStatic =
      ts.canHaveModifiers(member) && ts.getModifiers(member)?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword);
    return ts.isPropertyDeclaration(member) && !isStatic ? [member] : [];
  }).length;
}

t.test('nothing exported is unused', async (t) => {
  const users = [...sources, ...sourcesOf('test')];
  const uses = new Map<string, number>();
  for (const { text } of users)
    for (const [word] of text.matchAll(/[A-Za-z_$][\w$]*/g)) uses.set(word, (uses.get(word) ?? 0) + 1);
  const unused = sources.flatMap(({ path, getTree }) =>
    getTree()
      .statements.flatMap(exportedNames)
      .flatMap((name) => (uses.get(name) === 1 ? [`${path} ${name}`] : [])),
  );
  t.strictSame(unused, []);
});

/** Names that a statement declares and exports. */
function exportedNames(statement: ts.Statement): string[] {
  const isExported =
    ts.canHaveModifiers(statement) &&
    ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
  if (!isExported) return [];
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.flatMap(({ name }) => (ts.isIdentifier(name) ? [name.text] : []));
  const named = statement as ts.Statement & { readonly name?: ts.Identifier };
  return named.name ? [named.name.text] : [];
}

t.test('there are no to-do comments and no skipped tests', async (t) => {
  const written = ['src', 'test', 'bench', 'guest', 'docs'].flatMap(filesOf);
  const marks = [/\b(TODO|FIXME|XXX|HACK)\b/, /\bt\.(skip|todo|only)\(/, /\b(skip|todo|only): ?true\b/];
  const found = written.flatMap((path) => {
    if (path === 'test/tidy.test.ts' || path.startsWith('test/vectors/') || path.endsWith('.png')) return [];
    const lines = readFileSync(join(root, path), 'utf8').split('\n');
    return lines.flatMap((line, index) =>
      marks.some((mark) => mark.test(line)) ? [`${path}:${index + 1} ${line}`] : [],
    );
  });
  t.strictSame(found, []);
});

t.test('properties draw by the seed of the run', (t) => {
  const importers = filesOf('test').filter((path) =>
    readFileSync(join(root, path), 'utf8').includes(`from '${'fast-check'}'`),
  );
  t.same(importers, ['test/support/fast-check.ts'], 'others import test/support/fast-check.ts, which sets the seed');
  t.end();
});

t.test('docs/dependencies.md justifies exactly the dependencies of package.json', async (t) => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
    devDependencies: Record<string, string>;
  };
  const rows = readFileSync(join(root, 'docs/dependencies.md'), 'utf8').matchAll(/^\| `([^`]+)` +\| \S/gm);
  const told = [...rows].map(([, name]) => name!);
  t.strictSame(told.sort(), [...Object.keys(dependencies), ...Object.keys(devDependencies)].sort());
});

t.test('package-lock.json names no registry', async (t) => {
  t.notMatch(readFileSync(join(root, 'package-lock.json'), 'utf8'), /"resolved"/);
});
