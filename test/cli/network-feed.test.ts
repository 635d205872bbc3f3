/** A machine whose network leads to the host, and what becomes of its connections when a debugger goes back. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { NetworkFeed } from '../../src/cli/boot/network-feed.js';
import { BoardMachine } from '../../src/debug/machine/board-machine.js';
import { attachTimeline, type Timeline } from '../../src/debug/timeline/timeline.js';
import { nextTurn } from '../../src/host/console/slices.js';
import { HostNetwork } from '../../src/host/network/host-network.js';
import type { NetworkAccount } from '../../src/network/network-host.js';
import { kernelMachine } from '../support/board-machine.js';

t.setTimeout(0);

const SLICE = 5000;
/** The kernel takes some thousands of ticks, and waits for the host in between. */
const MOST_TICKS = 2 ** 24;
const FIRST_LINE = 'the gateway is there\n';

interface Connected {
  readonly machine: BoardMachine;
  readonly timeline: Timeline;
  /** The server's ends of connections, in their order. */
  readonly sockets: readonly Socket[];
  /** The tick at which the machine got to know that it is connected: before its request. */
  readonly tick: number;
  output(): string;
  accounts(): readonly NetworkAccount[];
  runUntil(isDone: () => boolean): Promise<void>;
}

/** guest/network, up to where a server has sent `hello` to it. */
async function connected(t: Test): Promise<Connected> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('data', () => socket.write('hello\n')).on('error', () => {});
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const host = new HostNetwork(() => {});
  const options = { memoryBytes: 4 * 2 ** 20, network: { isOpen: true, host } };
  const { port } = server.address() as AddressInfo;
  const { board, sent } = kernelMachine('interpreter', options, ['network', `${port}`]);
  const machine = new BoardMachine(board, { name: 'network' });
  const [feed, timeline] = [new NetworkFeed(machine, host), attachTimeline(machine)];
  t.teardown(() => {
    host.close();
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const runUntil = async (isDone: () => boolean): Promise<void> => {
    while (!isDone()) {
      if (machine.isOver || machine.ticks > MOST_TICKS) throw new Error(`at tick ${machine.ticks}: ${output()}`);
      feed.give();
      if (!isDone()) timeline.run(SLICE);
      await nextTurn();
    }
  };
  const output = (): string => String.fromCharCode(...sent);
  const accounts = (): readonly NetworkAccount[] => board.network!.accounts;
  await runUntil(() => accounts()[0]?.news === 1);
  const { tick } = timeline.snapshotNow();
  await runUntil(() => output() === `${FIRST_LINE}hello\n`);
  return { machine, timeline, sockets, tick, output, accounts, runUntil };
}

t.test('a look at the past leaves connections as they are', async (t) => {
  const { machine, timeline, sockets, tick, output, accounts, runUntil } = await connected(t);
  timeline.goto(tick);
  t.match(accounts(), [{ orders: 1, news: 0 }]);
  timeline.gotoPresent();
  timeline.goto(tick);
  // It runs on through what has been into the present.
  await runUntil(() => !timeline.isReplaying);
  sockets[0]!.end('bye\n');
  await runUntil(() => machine.isOver);
  t.match(machine.finalEvent, { kind: 'exit', code: 1 });
  t.equal(output(), `${FIRST_LINE}hello\nbye\ndone\n`);
  t.equal(sockets.length, 1);
});

t.test('a connection ends on both sides if the machine is changed before what it has sent or got', async (t) => {
  const { machine, timeline, sockets, tick, output, runUntil } = await connected(t);
  const wasReset = new Promise((done) => sockets[0]!.on('close', done));
  timeline.goto(tick);
  timeline.changed();
  await runUntil(() => machine.isOver);
  t.match(machine.finalEvent, { kind: 'exit', code: 5 });
  t.equal(output(), `${FIRST_LINE}hello\nthe connection is refused\n`);
  t.equal(await wasReset, true);
});

t.test('a machine that is changed before its connection opens another one', async (t) => {
  const { machine, timeline, sockets, output, accounts, runUntil } = await connected(t);
  const wasReset = new Promise((done) => sockets[0]!.on('close', done));
  timeline.goto(timeline.begin);
  timeline.changed();
  t.same(accounts(), []);
  await runUntil(() => output() === `${FIRST_LINE}hello\n${FIRST_LINE}hello\n`);
  t.equal(await wasReset, true);
  sockets[1]!.end();
  await runUntil(() => machine.isOver);
  t.match(machine.finalEvent, { kind: 'exit', code: 1 });
});

t.test('lookups', async (t) => {
  const host = new HostNetwork(() => {});
  t.teardown(() => host.close());
  const known = { id: 1, orders: 1, news: 0 };
  host.lookUp(1, 'localhost');
  host.lookUp(2, 'localhost');
  t.ok(host.isBusy);
  // The machine was put back to before the second one, and has another that the host does not know.
  host.agree([known, { ...known, id: 3 }]);
  const news = [host.take(() => 0)];
  t.same(news, [{ id: 3, what: 'reset' }]);
  for (; host.isBusy; await nextTurn()) {
    host.agree([known]);
    news.push(host.take(() => 0));
  }
  t.same(news.filter(Boolean).slice(1), [{ id: 1, what: 'addresses', addresses: [0x7f00_0001] }]);
});
