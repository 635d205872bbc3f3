/** The parts of the translator: their functions, regression tests, and bounds on memory use. */
import t from 'tap';
import { PAGE_SIZE } from '../../src/bits.js';
import { RAX, RBX, RCX, RDI, RSI, RSP } from '../../src/cpu/state/layout.js';
import { pageOf } from '../../src/cpu/access/linear-page.js';
import { MOST_REGIONS } from '../../src/cpu/translator/region-entries.js';
import { RegionTable, type CompiledRegion } from '../../src/cpu/translator/cache/region-table.js';
import { structureOf } from '../../src/cpu/translator/compile/structure.js';
import { GuestMemory } from '../../src/memory.js';
import { BareEngines } from '../support/bare-engines.js';
import { BareMachine, CODE_FRAMES, DATA_PAGES, type BareProgram } from '../support/bare-machine.js';
import fc from '../support/fast-check.js';
import { Random } from '../support/random.js';
import { volume } from '../support/volume.js';
import { anyGraph, graphProgram, INSTRUCTIONS_PER_NODE, isDominated, walkOf } from './translator/graphs.js';
import { Bytes, hotCodeOf, READ_ONLY, READ_WRITE, smallMachine } from './translator/small-machine.js';

const SEED = Number(process.env['BD0_SEED'] ?? 1);

const AT_ONCE = { engine: 'auto', translationThreshold: 0 } as const;
const CODE = 0x4000_0000n;

t.setTimeout(0);

t.test('structure: the code emitted for a graph is properly nested', (t) => {
  fc.assert(
    fc.property(anyGraph, (graph) => {
      const structure = structureOf(graph);
      const edges = graph.map((successors, node) => (node === 0 ? structure.entries : successors));
      const parent = new Map<number, number>();
      structure.children.forEach((list, node) => list.forEach((child) => parent.set(child, node)));
      const isWithin = (node: number | undefined, ancestor: number): boolean =>
        node !== undefined && (node === ancestor || isWithin(parent.get(node), ancestor));
      for (const entry of graph[0]!) if (!structure.entries.includes(entry)) throw new Error(`entry ${entry} is lost`);
      for (const [from, successors] of edges.entries())
        for (const to of isWithin(from, 0) ? successors : []) {
          const edge = `the edge from ${from} to ${to}`;
          const above = parent.get(to)!;
          if (structure.isBack(from, to)) {
            const toLoopAround = structure.isLoop(to) && isWithin(from, to);
            if (!toLoopAround && !structure.entries.includes(to)) throw new Error(`${edge} goes back to nowhere`);
          } else if (structure.isMerge(to)) {
            // A block that ends before `to` is open wherever the node above is, but not within `to` and those behind it.
            const siblings = structure.children[above]!;
            const before = siblings.slice(0, siblings.indexOf(to));
            if (from !== above && !before.some((sibling) => isWithin(from, sibling)))
              throw new Error(`${edge} is not within the block that ends before its target`);
          } else if (above !== from || successors.filter((other) => other === to).length > 1)
            throw new Error(`${edge} would have its target emitted twice, or not at all`);
          if (!isDominated(edges, to, above)) throw new Error(`${above} does not dominate ${to}`);
        }
    }),
    { numRuns: 3000, seed: SEED },
  );
  t.pass('every edge has somewhere to go');
  t.end();
});

t.test('structure: translated code visits the nodes of any graph in the order of its edges', (t) => {
  const [evaluator, translator] = [new BareMachine('evaluator'), new BareMachine('auto', 0)];
  fc.assert(
    fc.property(anyGraph, fc.infiniteStream(fc.boolean()), (graph, stream) => {
      const choices = [...stream.take(600)];
      const program = graphProgram(graph, choices);
      const expected = walkOf(graph, choices);
      for (const machine of [evaluator, translator]) {
        machine.load(program);
        machine.run(expected.length * INSTRUCTIONS_PER_NODE);
        const trace = new Uint32Array(machine.data.slice(0, expected.length * 4).buffer);
        if (trace.join() !== expected.join()) throw new Error(`${expected.join(' ')}\nwas ${trace.join(' ')}`);
      }
    }),
    { numRuns: 150, seed: SEED },
  );
  t.pass('all of them');
  t.end();
});

/** A program of these bytes, at an offset in the code. */
function programOf(code: readonly number[], offset = 0): BareProgram {
  const image = new Uint8Array(CODE_FRAMES * PAGE_SIZE).fill(0x90);
  image.set(code, offset);
  const data = new Uint8Array(DATA_PAGES * PAGE_SIZE);
  return { code: CODE, image, resumeAt: [offset], gpr: new Array<bigint>(16).fill(0n), data };
}

t.test('branches whose paths both lead to the next instruction are translated once each', (t) => {
  const code = new Bytes();
  for (let i = 0; i < 150; i++) code.put(0xff, 0xc0, 0x74, 0x00); // INC EAX; JZ +0
  new BareEngines([AT_ONCE]).run(programOf(code.jump(0).bytes), [1, 2, 1000, 1000]);
  t.pass('in linear space');
  t.end();
});

t.test('a region can have more entries than its table has slots', (t) => {
  // Calls of the next instruction, so that each has an entry behind it; then to one of them, another each time.
  const calls = 380;
  const code = new Bytes();
  for (let i = 0; i < calls; i++) code.put(0xe8).number(4, 0);
  code.load(RSP, 0x6010_1000n).load(RAX, CODE);
  code.put(0x48, 0x8d, 0x1c, 0x9b); // LEA RBX, [RBX + RBX * 4]
  code.put(0x48, 0x01, 0xd8); // ADD RAX, RBX
  code.put(0xff, 0xc6, 0x89, 0xf3); // INC ESI; MOV EBX, ESI
  code.put(0xff, 0xe0); // JMP RAX
  new BareEngines([AT_ONCE]).run(programOf(code.bytes), [500, 500, 500, 50_000]);
  t.pass('those beyond are found all the same');
  t.end();
});

t.test('code that runs off its page faults if the next page is not mapped', (t) => {
  // CPUID, which the evaluator does, as the last instruction of the last page: what comes next cannot be fetched.
  new BareEngines([AT_ONCE]).run(programOf([0x90, 0x0f, 0xa2], 4 * PAGE_SIZE - 3), [1, 1, 1, 1, 10]);
  t.pass('with a page fault of the guest');
  t.end();
});

t.test('a direct branch to a non-canonical address is #GP, even after a comparison', (t) => {
  const code = new Bytes().put(0x39, 0xc0, 0x0f, 0x84).number(4, PAGE_SIZE); // CMP EAX, EAX; JE +4096
  const program = { ...programOf(code.bytes, 3 * PAGE_SIZE), code: 0x7fff_ffff_c000n };
  new BareEngines([AT_ONCE, { engine: 'interpreter' }]).run(program, [1, 1, 1, 100, 1000]);
  t.pass('in every engine');
  t.end();
});

t.test('flags are preserved on one path of a branch, whatever the other path sets', (t) => {
  const code = new Bytes().put(0xb3, 0x01, 0x83, 0xe1, 0x03, 0xff, 0xc9); // MOV BL, 1; AND ECX, 3; DEC ECX
  code.put(0x75, 0x0b, 0xd0, 0xcb); // JNE to SUB; ROR BL, 1, which keeps PF
  code.put(0x7b, 0x02, 0xff, 0xc6, 0x0f, 0x9a, 0xc0); // JNP over INC ESI; SETP AL
  code.put(0xeb, 0xec, 0x83, 0xef, 0x01, 0xeb, 0xe7); // JMP to MOV; SUB EDI, 1; JMP to MOV
  new BareEngines([AT_ONCE, { engine: 'interpreter' }]).run(programOf(code.bytes), [500, 1, 1, 1, 500]);
  t.pass('in every engine');
  t.end();
});

t.test('page tables executed as code: setting an A bit changes the instruction', (t) => {
  const [code, window, data, out] = [CODE, CODE + 0x1000n, CODE + 0x2000n, CODE + 0x3000n];
  const results = (['evaluator', 'interpreter', 'auto'] as const).map((engine) => {
    const { cpu, memory, tables } = smallMachine(engine, 0);
    tables.map(code, 0x1_0000, READ_WRITE);
    tables.map(out, 0x1_2000, READ_WRITE);
    // As code, ADD EAX, imm32; ADD AL, AL; RET. With A set, AND EAX, imm32.
    tables.map(data, 0x1_3000, READ_ONLY | (0xc3c0n << 48n));
    const entry = tables.entryAddress(data);
    tables.map(window, entry - (entry % PAGE_SIZE), READ_WRITE);
    const program = new Bytes().load(RDI, out).load(RSP, out + 0x800n);
    const start = program.bytes.length;
    program.load(RBX, window + BigInt(entry % PAGE_SIZE)).load(RSI, data);
    for (const after of [
      [0x8a, 0x0e],
      [0x80, 0x23, 0xdf],
    ])
      // prettier-ignore
      // MOV EAX, imm32; CALL RBX; MOV [RDI], EAX; ADD RDI, 4; then MOV CL, [RSI], or AND byte [RBX], ~A
      program.put(0xb8).number(4, 0x7fff_ffff).put(0xff, 0xd3, 0x89, 0x07, 0x48, 0x83, 0xc7, 4, ...after);
    memory.ram.set(program.jump(start).bytes, 0x1_0000);
    cpu.state.rip = code;
    while (cpu.ticks < 200) t.equal(cpu.run(Math.min(7, 200 - cpu.ticks)).kind, 'ticks');
    return [...new Uint32Array(memory.ram.slice(0x1_2000, 0x1_2040).buffer)];
  });
  t.same(new Set(results[0]), new Set([0x8000_015e, 0x160]), 'both instructions ran');
  t.same(results[1], results[0], 'in the interpreter');
  t.same(results[2], results[0], 'translated');
  t.end();
});

t.test('regions survive a flush of all records and still notice stores to their code', (t) => {
  const sledPages = 129;
  const [sled, after] = [0x5000_0000n, 0x5000_0000n + BigInt(sledPages * PAGE_SIZE)];
  const passTicks = 90_000 + sledPages * PAGE_SIZE;
  const results = (['evaluator', 'auto'] as const).map((engine) => {
    const { cpu, memory, tables } = smallMachine(engine, 1);
    tables.map(CODE, 0x1_0000, READ_WRITE);
    for (let i = 0; i < sledPages; i++) tables.map(sled + BigInt(i * PAGE_SIZE), 0x1_1000, READ_WRITE);
    tables.map(after, 0x1_2000, READ_WRITE);
    memory.ram.fill(0x90, 0x1_1000, 0x1_2000);
    const loop = new Bytes().put(0xb9).number(4, 30_000); // MOV ECX, 30000
    loop.put(0x83, 0xc0, 1, 0xff, 0xc9, 0x75, 0xf9).load(RBX, sled).put(0xff, 0xe3); // ADD EAX, 1; DEC ECX; JNZ; JMP RBX
    const back = new Bytes().load(RDI, CODE).put(0x80, 0x47, 7, 1, 0xff, 0xe7); // ADD byte [RDI + 7], 1; JMP RDI
    memory.ram.set(loop.bytes, 0x1_0000);
    memory.ram.set(back.bytes, 0x1_2000);
    cpu.state.rip = CODE;
    for (let pass = 0; pass < 2; pass++) cpu.run(passTicks);
    cpu.run(200_000);
    if (engine === 'auto') t.ok(hotCodeOf(cpu).regions.at(CODE + 5n), 'the loop is translated in the end');
    return [cpu.ticks, cpu.state.rip, cpu.state.gpr(RAX), cpu.state.gpr(RCX), cpu.state.rflags];
  });
  t.same(results[1], results[0]);
  t.end();
});

t.test('the region table: live regions have distinct slots, and every entry leads to a live region', (t) => {
  const random = new Random(SEED);
  const functions = { set: () => {} } as unknown as WebAssembly.Table;
  const table = new RegionTable(new GuestMemory(0x1_0000), functions);
  const live = new Set<CompiledRegion>();
  const pages = Array.from({ length: 600 }, (_, i) => CODE + BigInt(i * PAGE_SIZE));
  const frameOf = (page: number): number => page >> 1;
  const code = { entries: [0n], minimumTicks: 1, run: () => 0 } as unknown as CompiledRegion['code'];
  const wrong: string[] = [];
  const check = (rip: bigint): void => {
    const found = table.at(rip);
    const expected = [...live].filter(({ entries }) => entries.includes(rip));
    if (found ? !expected.includes(found) : expected.length > 0) wrong.push(`entry ${rip}`);
    if (table.refresh(rip) !== expected.length > 0) wrong.push(`entry ${rip} is not to be found`);
  };
  const add = (page: number): void => {
    const index = table.takePlace();
    if ((index === undefined) !== (live.size === MOST_REGIONS)) wrong.push(`place ${index} of ${live.size}`);
    if (index === undefined) return;
    if ([...live].some((other) => other.index === index)) wrong.push(`place ${index} twice`);
    const entries = Array.from({ length: 1 + random.below(4) }, () => pages[page]! + BigInt(random.below(8)));
    // Some have code in the next page, too.
    const numbers = random.chance(3) && page + 1 < pages.length ? [page, page + 1] : [page];
    const its = numbers.map((number) => ({ linear: pages[number]!, physical: frameOf(number) * PAGE_SIZE }));
    const chains = { joins: 0, seen: 0, targets: new Map() };
    const region = { code, base: pages[page]!, view: 0n, pages: its, wanted: [], entries, index, chains };
    table.add(region as unknown as CompiledRegion);
    live.add(region as unknown as CompiledRegion);
    entries.forEach(check);
  };
  for (let i = 0; i < volume(2500, 6000) && wrong.length === 0; i++) {
    const action = random.below(40);
    const page = random.below(pages.length);
    if (action < 36) add(page);
    else if (action < 38 && live.size > 0) {
      const region = random.pick([...live]);
      table.delete(region);
      live.delete(region);
      region.entries.forEach(check);
    } else if (action === 38 || i % 2000 !== 0) {
      const frame = frameOf(page);
      table.deleteFrame(frame);
      for (const region of [...live])
        if (region.pages.some(({ physical }) => physical === frame * PAGE_SIZE)) live.delete(region);
      if (table.holds(frame)) wrong.push(`frame ${frame}`);
    } else {
      table.clear();
      live.clear();
    }
    if (table.size !== live.size) wrong.push(`${table.size} regions, not ${live.size}`);
    check(pages[page]! + BigInt(random.below(8)));
    const here = [...live].filter((region) => region.pages.some(({ linear }) => linear === pageOf(pages[page]!)));
    if (table.inPageOf(pages[page]! + 5n).length !== here.length) wrong.push(`page ${page}`);
  }
  t.same(wrong, []);
  t.ok(live.size > 500, `${live.size} regions in the end`);
  t.end();
});

t.test('memory use is bounded, however much code comes and goes', (t) => {
  const { cpu, memory, tables } = smallMachine('auto', 0);
  const samples = 30_000;
  for (let i = 0; i * PAGE_SIZE < samples; i++) tables.map(CODE + BigInt(i * PAGE_SIZE), 0x1_0000, READ_WRITE);
  const { hot, regions } = hotCodeOf(cpu);
  // ADD byte [RIP - 1], 1, which changes itself; JMP back.
  const code = new Bytes().put(0x80, 0x05).number(4, -1).put(1).jump(0);
  memory.ram.set(code.bytes, 0x1_0000);
  cpu.state.rip = CODE;
  cpu.run(1000);
  t.ok(regions.size <= 2, `${regions.size} regions of a page that changes all the time`);
  memory.ram.fill(0x06, 0x1_0000, 0x1_1000); // no instruction, so that nothing but the count is kept
  cpu.linearMemory.stored(0x1_0000, PAGE_SIZE);
  for (let i = 0; i < samples; i++) hot.sample(CODE + BigInt(i));
  for (const map of [hot['view'].profile['counts'], hot['missPlaces'].checks, hot['undone']])
    t.ok(map.size <= 8192, `${map.size} counted`);
  t.ok(regions.size <= MOST_REGIONS, `${regions.size} regions`);
  t.end();
});
