/** The TCP server for debuggers. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { GdbServer, addressText } from '../../src/host/gdb-server.js';
import { GdbSession } from '../../src/debug/gdb/session.js';
import { packetOf } from '../../src/debug/gdb/packet-reader.js';
import { FakeTarget } from '../debug/gdb/fake-target.js';

interface Served {
  readonly server: GdbServer;
  readonly target: FakeTarget;
  readonly sessions: GdbSession[];
  readonly refused: string[];
  connect(): Socket;
}

async function serve(t: Test): Promise<Served> {
  const target = new FakeTarget();
  const sessions: GdbSession[] = [];
  const refused: string[] = [];
  const server = await GdbServer.listen(
    { host: '127.0.0.1', port: 0 },
    {
      open: (write) => {
        const session = new GdbSession(target, { programPid: 1, write });
        sessions.push(session);
        return session;
      },
      onActivity: () => {},
      onRefused: (line) => refused.push(line),
    },
  );
  t.teardown(() => server.close());
  const { host, port } = server.address;
  return { server, target, sessions, refused, connect: () => connect(port, host) };
}

/** What comes until the text ends with `end`, or the connection does. */
async function received(socket: Socket, end?: string): Promise<string> {
  let text = '';
  for (;;) {
    const event = await Promise.race([
      once(socket, 'data').then(([bytes]) => String(bytes)),
      once(socket, 'close').then(() => undefined),
    ]);
    if (event === undefined) return text;
    text += event;
    if (end !== undefined && text.endsWith(end)) return text;
  }
}

t.test('one debugger at a time, which can detach and come again', async (t) => {
  const { sessions, refused, connect } = await serve(t);
  const first = connect();
  first.write('+$qAttached#8f');
  t.equal(await received(first, '#31'), '+$1#31');
  const second = connect();
  second.write('+');
  t.equal(await received(second), 'bd0: refused: another debugger is connected\n');
  t.match(refused, [/^refused a connection from 127\.0\.0\.1:\d+: another debugger is connected$/]);
  first.write(packetOf('D;1'));
  t.equal(await received(first), '+$OK#9a');
  t.equal(sessions[0]!.isOver, true);
  const third = connect();
  third.write('+$qAttached#8f');
  t.equal(await received(third, '#31'), '+$1#31');
  t.equal(sessions.length, 2);
  third.destroy();
});

t.test('a connection that ends without a word takes its stops along', async (t) => {
  const { target, sessions, connect } = await serve(t);
  const socket = connect();
  socket.write(packetOf('Z0,10000,1'));
  await received(socket, '#9a');
  t.equal(target.stops.length, 1);
  socket.destroy();
  while (!sessions[0]!.isOver) await new Promise((done) => setImmediate(done));
  t.equal(target.stops.length, 0);
});

t.test('who does not speak the protocol begins no session', async (t) => {
  const { sessions, connect } = await serve(t);
  const silent = connect();
  await once(silent, 'connect');
  const browser = connect();
  browser.write('GET / HTTP/1.1\r\n\r\n');
  t.equal(await received(browser), 'bd0: refused: what it sends is not the protocol of gdb\n');
  t.strictSame(sessions, []);
  silent.destroy();
});

t.test('a debugger that does not read makes the session wait', async (t) => {
  const { sessions, connect } = await serve(t);
  const socket = connect();
  await once(socket, 'connect');
  socket.pause();
  const count = 500;
  for (let i = 0; i < count; i++) socket.write(packetOf(`qXfer:features:read:target.xml:0,10000`));
  let bytes = 0;
  socket.on('data', (data: Buffer) => (bytes += data.length));
  socket.write(packetOf('qC'));
  let text = '';
  socket.on('data', (data: Buffer) => (text = (text + data.toString('latin1')).slice(-20)));
  socket.resume();
  while (!text.endsWith('$QC1#c5')) await once(socket, 'data');
  t.equal(sessions.length, 1);
  t.ok(bytes > count * 5000, 'everything arrives');
  socket.destroy();
});

t.test('addresses that cannot be used', async (t) => {
  const { server } = await serve(t);
  const options = {
    open: () => {
      throw new Error('nobody connects');
    },
    onActivity: () => {},
    onRefused: () => {},
  };
  const { host, port } = server.address;
  await t.rejects(GdbServer.listen({ host, port }, options), {
    message: `cannot listen on 127.0.0.1:${port}: address already in use`,
  });
  await t.rejects(GdbServer.listen({ host: 'no.such.host.invalid', port: 0 }, options), /^cannot listen on no\.such/);
  t.equal(addressText({ host: '::1', port: 5 }), '[::1]:5');
});
