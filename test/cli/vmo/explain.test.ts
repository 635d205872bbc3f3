import { readFileSync } from 'node:fs';
import t from 'tap';
import { idOf, noise, Workshop } from './store.js';

interface Vectors {
  readonly vectors: readonly { name: string; recipe: object; length: number | string; id: string }[];
}

interface Node {
  readonly kind: string;
  readonly occurrences: number;
  readonly children: readonly number[];
  readonly childrenLeftOut?: number;
  readonly level?: number;
  readonly hash?: string;
}

const { vectors } = JSON.parse(
  readFileSync(new URL('../../../../test/vectors/vmo.json', import.meta.url), 'utf8'),
) as Vectors;

t.test('explain follows the recipes of the test vectors', async (t) => {
  const work = new Workshop(t);
  const chosen = vectors.filter(({ name }) => /slice|delta|concat|2\^47|empty/.test(name));
  t.ok(chosen.length >= 8);
  for (const { name, recipe, length, id } of chosen) {
    const [told] = await work.json(['explain', JSON.stringify(recipe)]);
    t.match(told, { id, length: Number(length), distinct: { isWhole: true } }, name);
  }
});

t.test('explain draws what is shared once, and counts it', async (t) => {
  const work = new Workshop(t);
  const page = { bytes: '07'.repeat(4096) };
  const four = { concat: [page, page, page, page] };
  const text = await work.out(['explain', JSON.stringify({ concat: [four, four, { zeros: '1TB' }] })]);
  const [head, written, canonical] = text.split('\n\n');
  t.match(
    head,
    /^id {6}[0-9a-f]{64}\nlength {2}1099511660544 bytes, 268435464 pages, height 29\nkept {4}1 page and 29 nodes; /,
  );
  t.equal(
    written,
    [
      'As written:',
      'concat  1099511660544 bytes, 3 parts',
      '├─ concat #1  16384 bytes, 4 parts, 2 times',
      '│  ├─ bytes #2  4096 bytes: 0707070707070707..., 8 times',
      '│  ├─ bytes #2 as above',
      '│  ├─ bytes #2 as above',
      '│  └─ bytes #2 as above',
      '├─ concat #1 as above',
      '└─ zeros  1099511627776 bytes',
    ].join('\n'),
  );
  t.match(canonical, / +└─ 26 levels down, all else is zeros: concat [0-9a-f]{12}  level 3, pages 0-7\n/);
  t.match(canonical, / +└─ both halves: concat [0-9a-f]{12}  level 2, pages 0-3, 2 times\n/);
  t.match(canonical, / +└─ both halves: page [0-9a-f]{12}  page 0, 8 times\n$/);
});

t.test('explain takes files, what is in a store, and recipes in a file', async (t) => {
  const work = new Workshop(t);
  const content = Buffer.concat([noise(8192), Buffer.alloc(4096), noise(5000, 2)]);
  const path = work.file('content', content);
  await work.out(['import', path, '--name', 'name']);
  const drawn = await work.out(['explain', path]);
  t.match(
    drawn,
    new RegExp(`^id {6}${idOf(content)}\nlength  17288 bytes, 5 pages, height 3\nkept {4}4 pages and 6 nodes;`),
  );
  t.match(drawn, /zeros 4 KB {2}page 2/);
  for (const word of ['name', idOf(content).slice(0, 6)]) t.equal(await work.out(['explain', word]), drawn, word);
  t.equal(await work.out(['explain', '-'], { input: content }), drawn, 'standard input');
  const recipe = work.file('recipe.json', JSON.stringify({ bytes: content.toString('hex') }));
  t.match(await work.out(['explain', `@${recipe}`]), new RegExp(`^id {6}${idOf(content)}\n[^]*\nAs written:\nbytes  17288 bytes: `)); // prettier-ignore
});

t.test('a drawing is bounded, unless --depth says how deep it goes', async (t) => {
  const work = new Workshop(t);
  const path = work.file('large', noise(4096 * 1000));
  const lines = (await work.out(['explain', path])).split('\n');
  t.ok(lines.length > 40 && lines.length < 110, `${lines.length} lines`);
  t.match(lines.join('\n'), /└─ \.\.\.\n/, 'says what it leaves out');
  t.match(lines[2], /^kept {4}1000 pages and /, 'and counts it');
  const shallow = await work.out(['explain', path, '--depth', '0']);
  t.match(shallow, /\n\nvmo [0-9a-f]{12} {2}4096000 bytes, 1000 pages\n└─ concat [0-9a-f]{12} {2}level 10, pages 0-999\n {3}└─ \.\.\.\n$/); // prettier-ignore
  const deep = (await work.out(['explain', path, '--depth', '10'])).match(/ page \d+$/gm);
  t.equal(deep?.length, 1000);
  const wide = { concat: Array.from({ length: 5000 }, (_, i) => ({ pattern: i + 1 })) };
  t.match(await work.out(['explain', `@${work.file('wide', JSON.stringify(wide))}`]), /^└─ \.\.\. 4940 more$/m);
});

t.test('--json tells the nodes that are drawn, each once', async (t) => {
  const work = new Workshop(t);
  const recipe = { delta: [{ slice: [{ zeros: 40960 }, 0, 20480] }, [[5, 'ff']]] };
  const [told] = await work.json(['explain', JSON.stringify(recipe)]);
  const { written, canonical } = told as unknown as { written: Node[]; canonical: Node[] };
  t.match(written, [
    { kind: 'delta', patches: [[5, 'ff']], length: 20480, children: [1] },
    { kind: 'slice', offset: 0, length: 20480, children: [2] },
    { kind: 'zeros', length: 40960, children: [] },
  ]);
  t.match(canonical[0], { kind: 'vmo', length: 20480, pages: 5, children: [1] });
  t.match(canonical[1], { kind: 'concat', level: 3, firstPage: 0, skippedLevels: 2, children: [2] });
  t.match(canonical[2], { kind: 'page', level: 0, hash: /^[0-9a-f]{64}$/, children: [] });
});

t.test('--dot is a graph for Graphviz', async (t) => {
  const work = new Workshop(t);
  const recipe = { concat: [{ delta: [{ pattern: 9000 }, [[0, '22']]] }, { zeros: 4096 }] };
  const dot = await work.out(['explain', '--dot', JSON.stringify(recipe)]);
  t.match(dot, /^digraph vmo \{\n[^]*\n\}\n$/);
  const nodes = [...dot.matchAll(/^ +(n\d+_\d+(?:_more)?) \[label="(?:[^"\\]|\\.)*", .*\];$/gm)].map(
    ([, name]) => name,
  );
  const edges = [...dot.matchAll(/^ +(n\d+_\d+) -> (n\d+_\d+(?:_more)?)(?: \[.*\])?;$/gm)];
  t.equal(new Set(nodes).size, nodes.length, 'each node once');
  t.ok(edges.length >= 6);
  for (const [, from, to] of edges) t.ok(nodes.includes(from!) && nodes.includes(to!), `${from} -> ${to}`);
  const others = dot.split('\n').filter((line) => !/^ +n\d/.test(line));
  t.strictSame(others.filter((line) => /label/.test(line)).map((line) => /label="([^"]*)"/.exec(line)![1]), ['As written', 'Canonical tree']); // prettier-ignore
});

t.test('a recipe that cannot be followed is refused with its place', async (t) => {
  const work = new Workshop(t);
  const deep = `${'{"concat":['.repeat(600)}{"zeros":1}${']}'.repeat(600)}`;
  const cases: [recipe: string, line: RegExp][] = [
    ['{', /the recipe is not JSON: /],
    ['{"frob": 1}', /recipe is not an object with one of bytes, pattern, zeros, slice, concat, delta/],
    ['{"zeros": 1, "bytes": ""}', /recipe is not an object with one of/],
    ['{"bytes": "abc"}', /recipe\.bytes is not a text of pairs of hexadecimal digits/],
    ['{"zeros": -1}', /recipe\.zeros is not a whole number from 0 to 281474976710656/],
    ['{"zeros": "many"}', /recipe\.zeros 'many' is not a size/],
    ['{"pattern": "2TB"}', /recipe\.pattern 2199023255552 exceeds/],
    ['{"concat": [{"zeros": 1}, 5]}', /recipe\.concat\[1\] is not an object/],
    ['{"concat": [{"zeros": "256TB"}, {"zeros": 1}]}', /recipe\.concat: concat of 281474976710656 \+ 1 bytes exceeds/],
    ['{"slice": [{"zeros": 10}, 5, 6]}', /recipe\.slice: slice offset 5 \+ length 6 exceeds 10 bytes/],
    ['{"slice": [{"zeros": 10}, 5]}', /recipe\.slice is not a list of 3/],
    ['{"delta": [{"zeros": 10}, [[9, "ffff"]]]}', /recipe\.delta: patch offset 9 \+ length 2 exceeds 10 bytes/],
    ['{"delta": [{"zeros": 10}, [[9]]]}', /recipe\.delta\[1\]\[0\] is not a list of 2/],
    [deep, /the recipe has more than 500 extents within one another/],
    [`@${work.path('nothing')}`, /cannot read recipe '.*nothing': no such file or directory/],
  ];
  for (const [recipe, line] of cases) {
    const { code, stdout, stderr } = await work.vmo(['explain', recipe]);
    t.strictSame([code === 125 || code === 127, stdout], [true, ''], recipe.slice(0, 60));
    t.match(stderr, /^bd0: [^\n]+\n$/);
    t.match(stderr, line);
  }
  t.match((await work.vmo(['explain', '{"zeros":1}', '--dot', '--json'])).stdout, /choose one/);
  t.match((await work.vmo(['explain', '{"zeros":1}', '--depth', 'x'])).stderr, /--depth 'x' is not a whole number/);
});
