/**
 * Debuggers and processes that see other memory at the same addresses: a parent, its child and a grandchild each have their own
 * bytes, breakpoints, watchpoints and last writers, forwards and backwards, on every engine.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import {
  Computer,
  PlacedImage,
  attachDebugger,
  attachTimeline,
  type Debugger,
  type Process,
  type StopReason,
} from '../../src/index.js';
import { ScriptedConsole, sha256 } from '../support/guest-programs.js';
import { linuxProgram } from '../support/linux-programs.js';
import { ENGINES, evaluatorAnd, type EngineOptions } from '../support/side-by-side.js';
import { seedOf } from '../support/volume.js';

const source = fileURLToPath(new URL('../../../test/debug/views/family.c', import.meta.url));
const MIB = 2 ** 20;
const MOST_TICKS = 100_000_000;
const NAMES = { 1: 'parent', 2: 'child', 3: 'grandchild' } as const;
type Pid = keyof typeof NAMES;
const PIDS: readonly Pid[] = [1, 2, 3];
const seed = seedOf(20261130);
/** Stores of each process in a long run. */
const ROUNDS = 5000;
/** A process stores this times its pid, and more from store to store. */
const BASE = 10_000;

t.setTimeout(0);

const LINKING = { 'in one family': [], 'at fixed addresses': ['-static', '-no-pie'] };
const images = await Promise.all(
  Object.entries(LINKING).map(async ([name, options], index) => {
    const image = new Uint8Array(readFileSync(await linuxProgram(source, ['-g', ...options])));
    return { name, index, image };
  }),
);

class Family {
  readonly console = new ScriptedConsole();
  readonly computer: Computer;
  readonly program: Process;
  readonly debug: Debugger;
  private readonly placed: PlacedImage;

  constructor(image: Uint8Array, engine: EngineOptions, rounds: number) {
    this.computer = new Computer({ ...engine, memoryBytes: 32 * MIB, sha256, console: this.console });
    const argv = ['family', String(rounds)];
    this.program = this.computer.start(image, { name: 'family', limitBytes: 2 ** 30, argv, linux: {} });
    this.debug = attachDebugger(this.computer, attachTimeline(this.computer));
    const bytes = {
      length: image.length,
      read: (offset: number, length: number) => image.subarray(offset, offset + length),
    };
    this.placed = PlacedImage.read(bytes, this.program.description.entry);
  }

  addressOf(name: string): bigint {
    return this.placed.addressOf(name)!;
  }

  functionAt(rip: bigint): string | undefined {
    return this.placed.symbols(rip)?.name;
  }

  /** `page.value` as a process sees it. */
  value(pid: number): number {
    return Buffer.from(this.debug.readMemory(this.addressOf('page'), 4, pid)).readInt32LE();
  }

  name(pid: number): string {
    return Buffer.from(this.debug.readMemory(this.addressOf('page') + 8n, 16, pid))
      .toString()
      .split('\0')[0]!;
  }

  pidOf(reason: StopReason | undefined): number | undefined {
    return reason && 'tid' in reason ? this.debug.findThread(reason.tid)?.pid : undefined;
  }

  /** Runs to the next reason to stop but the start of a process. */
  next(): StopReason | undefined {
    for (;;) {
      const reason = this.debug.run(this.debug.continue(), { maxTicks: MOST_TICKS });
      if (reason?.kind !== 'started' && (reason?.kind !== 'exited' || reason.pid === 1)) return reason;
    }
  }

  /** Runs until all three have stored to their page. */
  toLife(): void {
    const stop = this.debug.addStop({ kind: 'code', address: this.addressOf('store') });
    do this.next();
    while (!PIDS.every((pid) => this.debug.processes.some((one) => one.pid === pid) && this.value(pid) > BASE * pid));
    this.debug.removeStop(stop);
  }
}

for (const { name, index, image } of images) {
  const engines = Object.entries(evaluatorAnd(1, seed, index));

  t.test(`${name}: each process has its own memory, in the map as well`, (t) => {
    const family = new Family(image, ENGINES.translator, 3);
    family.toLife();
    for (const pid of PIDS) {
      t.equal(family.name(pid), NAMES[pid]);
      t.ok(family.value(pid) > BASE * pid && family.value(pid) <= BASE * pid + 3, `${family.value(pid)}`);
    }
    family.debug.writeMemory(family.addressOf('page') + 8n, Buffer.from('PARENT'), 1);
    t.strictSame(
      PIDS.map((pid) => family.name(pid)),
      ['PARENT', 'child', 'grandchild'],
    );
    checkMaps(t, family);
    t.end();
  });

  for (const [engine, options] of engines) {
    t.test(`${name}, ${engine}: a breakpoint stops in all processes, or in the one that was named`, (t) => {
      const family = new Family(image, options, 3);
      const { debug } = family;
      const address = family.addressOf('store');
      const all = debug.addStop({ kind: 'code', address });
      const seen: (number | undefined)[] = [];
      for (let reason = family.next(); reason?.kind === 'breakpoint'; reason = family.next())
        seen.push(family.pidOf(reason));
      const count = (pid: number): number => seen.filter((one) => one === pid).length;
      t.strictSame(PIDS.map(count), [4, 3, 3]);
      debug.goto(0);
      debug.removeStop(all);
      debug.addStop({ kind: 'code', address, pid: 3 });
      for (let left = 3; left > 0; left--) t.equal(family.pidOf(family.next()), 3);
      t.equal(family.next()?.kind, 'exited');
      for (let left = 3; left > 0; left--) t.equal(family.pidOf(debug.back()), 3, 'and backwards');
      t.equal(debug.back().kind, 'history-begin');
      t.end();
    });

    t.test(`${name}, ${engine}: a watchpoint sees the stores to the memory of one process, both ways`, (t) => {
      const family = new Family(image, options, 3);
      family.toLife();
      const { debug } = family;
      const hooked: number[] = [];
      const place = { address: family.addressOf('page'), lengthBytes: 4, pid: 2 };
      debug.hooks.onMemory({ ...place, kind: 'write' }, ({ thread, address }) => {
        t.equal(address, place.address);
        hooked.push(thread.process.pid);
      });
      debug.addStop({ ...place, kind: 'write' });
      for (let value = family.value(2) + 1; value <= 2 * BASE + 3; value++) {
        const reason = family.next();
        t.strictSame([reason?.kind, family.pidOf(reason)], ['watchpoint', 2]);
        t.equal(reason?.kind === 'watchpoint' && reason.address, place.address);
        t.equal(family.value(2), value);
      }
      t.equal(family.next()?.kind, 'exited');
      t.ok(hooked.length > 0 && hooked.every((pid) => pid === 2), hooked.join());
      for (let value = 2 * BASE + 3; value > 2 * BASE; value--) {
        const reason = debug.back();
        t.strictSame([reason?.kind, family.pidOf(reason)], ['watchpoint', 2]);
        t.equal(family.value(2), value === 2 * BASE + 1 ? 1 : value - 1, 'before the store');
        t.equal(family.name(3) === 'grandchild' || family.name(3) === 'nobody', true);
      }
      t.end();
    });

    t.test(`${name}, ${engine}: stops that are added in the middle of many turns miss nothing`, (t) => {
      const family = new Family(image, options, ROUNDS);
      family.toLife();
      const { debug } = family;
      for (let pass = 0; pass < 3; pass++) {
        debug.run(debug.continue(), { maxTicks: 8000 + 1000 * pass });
        const pid = PIDS[pass]!;
        const before = family.value(pid);
        let hits = 0;
        const count = (): void => void hits++;
        const place = { address: family.addressOf('page'), lengthBytes: 4, pid };
        const remove = [
          debug.hooks.onMemory({ ...place, kind: 'write' }, count),
          debug.hooks.onCode({ address: family.addressOf('store'), pid }, count),
        ];
        debug.run(debug.continue(), { maxTicks: 10_000 });
        remove.forEach((removeHook) => removeHook());
        const stores = family.value(pid) - before;
        t.ok(stores > 20, `${stores} stores of process ${pid}`);
        // The machine may stand between the start of `store` and its store.
        t.ok(Math.abs(hits - 2 * stores) <= 1, `${hits} hits`);
      }
      t.end();
    });
  }

  t.test(`${name}: the last writer is found in the right process, and before a fork in the parent`, (t) => {
    const family = new Family(image, ENGINES.translator, 3);
    family.toLife();
    const { debug } = family;
    const page = family.addressOf('page');
    for (const pid of PIDS) {
      const found = debug.whoWrote(page, 4, pid)!;
      const value = Buffer.from(found.after).readInt32LE();
      t.strictSame([value, found.address], [family.value(pid), page]);
      t.equal(found.pid, value === 1 ? 1 : pid);
      t.equal(family.functionAt(found.rip), 'store');
      const inherited = debug.whoWrote(page + 4n, 4, pid)!;
      t.strictSame([inherited.pid, inherited.address, inherited.after[0]], [1, page + 4n, 5]);
      t.equal(family.functionAt(inherited.rip), 'main');
      const named = debug.whoWrote(page + 8n, 1, pid)!;
      t.equal(named.pid, pid);
      t.equal(String.fromCharCode(named.after[0]!), NAMES[pid][0]);
    }
    t.end();
  });

  t.test(`${name}: snapshots bring each process back to what it was`, (t) => {
    const family = new Family(image, ENGINES.translator, 3);
    family.toLife();
    const { debug, computer } = family;
    const tick = computer.ticks;
    const state = (): unknown => [computer.machineHash(), ...PIDS.map((pid) => [family.value(pid), family.name(pid)])];
    const then = state();
    const watched = debug.addStop({ kind: 'write', address: family.addressOf('page'), lengthBytes: 4, pid: 3 });
    for (let reason = family.next(); reason?.kind !== 'exited'; reason = family.next());
    debug.goto(tick);
    t.strictSame(state(), then);
    t.strictSame(debug.addStop({ kind: 'code', address: family.addressOf('store') }).kind, 'code');
    debug.goto(tick - 100);
    debug.goto(tick);
    t.strictSame(state(), then);
    debug.removeStop(watched);
    t.end();
  });
}

/** The map says where each process has its page, and where it lies: all of them elsewhere. */
function checkMaps(t: Test, family: Family): void {
  const { debug } = family;
  const page = family.addressOf('page');
  const has = (range: { readonly seen: bigint; readonly lengthBytes: bigint }): boolean =>
    page >= range.seen && page < range.seen + range.lengthBytes;
  const homes = PIDS.map((pid) => {
    const range = debug.memoryMap.find((one) => one.pid === pid && has(one))!;
    t.strictSame([range.what, range.writable], ['image', true], `process ${pid}`);
    const seen = debug.memoryMapOf(pid).find(has)!;
    t.strictSame([seen.pid, seen.start, seen.what], [pid, range.seen, 'image'], 'it sees its own');
    const home = page - range.seen + range.start;
    t.strictSame(debug.readMemory(home, 24), debug.readMemory(page, 24, pid), 'which lies at its home');
    return home;
  });
  t.equal(new Set(homes).size, 3);
  for (const pid of PIDS) {
    const map = debug.memoryMapOf(pid);
    t.ok(
      map.every(
        ({ start, lengthBytes }, i) =>
          i === 0 || map[i - 1]!.start + map[i - 1]!.lengthBytes <= start || lengthBytes === 0n,
      ),
    );
  }
}
