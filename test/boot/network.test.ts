/** guest/network on a bare machine: it gets a page over TCP, as the same machine on all engines, again and again. */
import t from 'tap';
import { Board } from '../../src/board.js';
import type { Engine } from '../../src/cpu/cpu.js';
import { BoardMachine } from '../../src/debug/machine/board-machine.js';
import { attachRecorder } from '../../src/debug/recording/recorder.js';
import { Recording } from '../../src/debug/recording/recording.js';
import { replayOf } from '../../src/debug/recording/machine-replay.js';
import { verify } from '../../src/debug/recording/parting.js';
import { attachTimeline } from '../../src/debug/timeline/timeline.js';
import { concatenated } from '../../src/bits.js';
import { sha256 } from '../../src/host/sha256.js';
import type { NetworkNews } from '../../src/network/network-host.js';
import { VmoStore } from '../../src/vmo/store.js';
import { kernelMachine } from '../support/board-machine.js';
import { orderLog, type Order } from '../support/network-guest.js';

const MEMORY_BYTES = 4 * 2 ** 20;
const SLICE = 401;
const SLICES = 60;
const OUTPUT = 'the gateway is there\nHTTP/1.0 200 OK\r\n\r\nhello\ndone\n';

/** The machine, what it has sent, and what it asked of the host. */
function networkMachine(engine: Engine): { machine: BoardMachine; sent: number[]; orders: Order[] } {
  const orders: Order[] = [];
  const network = { isOpen: true, host: orderLog(orders) };
  const { board, sent } = kernelMachine(engine, { memoryBytes: MEMORY_BYTES, network }, ['network', '8080']);
  return { machine: new BoardMachine(board, { name: 'network' }), sent, orders };
}

/** What a server says to orders. */
function newsFor([what, id, bytes]: Order): NetworkNews[] {
  if (what === 'connect') return [{ id, what: 'connected' }];
  if (what !== 'send') return [];
  const page = new TextEncoder().encode('HTTP/1.0 200 OK\r\n\r\nhello\n');
  const count = (bytes as Uint8Array).length;
  return [
    { id, what: 'taken', count },
    { id, what: 'data', bytes: page.subarray(0, 9) },
    { id, what: 'data', bytes: page.subarray(9) },
    { id, what: 'end' },
  ];
}

/** Runs a slice, after which a server gets the orders; `before` is called in between. */
function runSlice({ machine, orders }: ReturnType<typeof networkMachine>, before = () => {}): string {
  const { kind } = machine.run(SLICE);
  before();
  for (const order of orders.splice(0)) for (const news of newsFor(order)) machine.deliver(news);
  return kind;
}

const text = (bytes: readonly number[]): string => String.fromCharCode(...bytes);

t.test('all engines make the same machine of it at every point', async (t) => {
  const machines = (['interpreter', 'evaluator', 'auto'] as const).map(networkMachine);
  const ends = machines.map((each) => {
    const hashes: string[] = [];
    for (let slice = 0; slice < SLICES && runSlice(each) !== 'ended'; slice++) hashes.push(each.machine.machineHash());
    return { hashes, exit: each.machine.finalEvent, ticks: each.machine.ticks };
  });
  t.match(ends[0]!.exit, { kind: 'exit', code: 1 });
  t.ok(ends[0]!.hashes.length > 2, `${ends[0]!.hashes.length} slices`);
  for (const end of ends.slice(1)) t.same(end, ends[0]);
  for (const { sent } of machines) t.equal(text(sent), OUTPUT);
});

t.test('a recording is replayed without the host', async (t) => {
  const each = networkMachine('auto');
  const written: Uint8Array[] = [];
  const recorder = attachRecorder(each.machine, {
    write: (bytes) => written.push(bytes.slice()),
    sha256,
    hashTicks: 2 ** 10,
  });
  for (let kind = ''; kind !== 'ended';) {
    kind = each.machine.run(Math.min(SLICE, recorder.ticksToHash)).kind;
    for (const order of each.orders.splice(0)) for (const news of newsFor(order)) each.machine.deliver(news);
    recorder.observe({ kind: kind === 'ended' ? 'exited' : 'limit' });
  }
  recorder.end({ what: 'the end', exitCode: 1 }, { kind: 'exited' });
  const bytes = concatenated(written);
  const recording = Recording.read({ length: bytes.length, read: (at, size) => bytes.slice(at, at + size) }, sha256);
  for (const engine of ['interpreter', 'auto'] as const) {
    const verdict = verify(replayOf(recording, { engine }));
    t.match(verdict, { kind: 'same' });
    t.ok(verdict.kind === 'same' && verdict.hashes > 3);
  }
});

t.test('in its past, a machine asks nothing of the host, and gets what it got then', async (t) => {
  const each = networkMachine('auto');
  const timeline = attachTimeline(each.machine);
  const points: { tick: number; hash: string }[] = [];
  for (let slice = 0; slice < SLICES; slice++) {
    // A place in the past is before what arrived at its tick.
    const note = (): void => void points.push({ tick: each.machine.ticks, hash: each.machine.machineHash() });
    if (runSlice(each, note) === 'ended') break;
    timeline.observe();
  }
  const last = points.at(-1)!;
  for (const { tick, hash } of [...points].reverse()) {
    timeline.goto(tick);
    t.equal(each.machine.machineHash(), hash, `tick ${tick}`);
  }
  timeline.goto(last.tick);
  t.equal(each.machine.machineHash(), last.hash);
  t.same(each.orders, [], 'no orders');
});

t.test('a machine that is resumed elsewhere has its connections reset', async (t) => {
  const each = networkMachine('auto');
  while (!each.orders.some(([what]) => what === 'send')) {
    const { kind } = each.machine.run(SLICE);
    if (kind === 'ended') break;
    for (const order of each.orders.filter(([what]) => what === 'connect'))
      for (const news of newsFor(order)) each.machine.deliver(news);
    each.orders.splice(0, each.orders.findIndex(([what]) => what === 'send') < 0 ? each.orders.length : 0);
  }
  const { board } = each.machine;
  const saved = board.saveSnapshot(board.snapshot(), new VmoStore(sha256));
  for (const isOpen of [false, true]) {
    const sent: number[] = [];
    const resumed = Board.resume(saved, { sha256, send: (byte) => sent.push(byte), networkHost: orderLog([]) });
    t.equal(resumed.machineHash(), board.machineHash());
    t.equal(resumed.network!.accounts.length, 1);
    resumed.network!.restart(isOpen);
    t.same(resumed.run(resumed.ticks + 1_000_000), { kind: 'exit', code: 5 });
    t.equal(text(sent), 'the connection is refused\n');
  }
});

t.test('a closed network refuses it', async (t) => {
  const { board, sent } = kernelMachine('auto', { memoryBytes: MEMORY_BYTES, network: { isOpen: false } }, [
    'network',
    '8080',
  ]);
  t.same(board.run(10_000_000), { kind: 'exit', code: 5 });
  t.equal(text(sent), 'the gateway is there\nthe connection is refused\n');
});
