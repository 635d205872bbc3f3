/** gdb's remote protocol, packet by packet, with a target that is no machine. */
import t from 'tap';
import { AgentExpressionError, evaluateAgentExpression } from '../../src/debug/gdb/agent-expression.js';
import { byteString, bytesOfHex, bytesOf, hexOfText, textOfHex } from '../../src/debug/gdb/byte-strings.js';
import { MonitorError } from '../../src/debug/gdb/monitor/monitor.js';
import { checksum, packetOf, PacketReader } from '../../src/debug/gdb/packet-reader.js';
import { REGISTERS } from '../../src/debug/gdb/registers.js';
import type { StopReason } from '../../src/debug/target.js';
import { Random } from '../support/random.js';
import { seedOf, volume } from '../support/volume.js';
import { FakeDebugger } from './gdb/fake-debugger.js';
import { CODE, DATA, FakeTarget, STORE, STORED } from './gdb/fake-target.js';
import { fuzz } from './gdb/fuzz.js';

function connected(): { target: FakeTarget; debug: FakeDebugger } {
  const target = new FakeTarget();
  return { target, debug: new FakeDebugger(target).connect() };
}

function numberOf(register: string): string {
  return REGISTERS.findIndex(({ name }) => name === register).toString(16);
}

/** A word as registers are sent. */
function word(value: bigint): string {
  return [...Array(8).keys()].map((i) => ((value >> BigInt(8 * i)) & 0xffn).toString(16).padStart(2, '0')).join('');
}

t.test('packets are found in a stream however it is cut, and everything between them is ignored', async (t) => {
  const stream = bytesOf('+noise$qC#b4\x03-$X10,1:}\x03#92$g#67');
  for (let size = 1; size < 9; size++) {
    const reader = new PacketReader(100);
    const found = [];
    for (let at = 0; at < stream.length; at += size) found.push(...reader.read(stream.subarray(at, at + size)));
    t.strictSame(
      found,
      [
        { kind: '+' },
        { kind: 'packet', payload: 'qC', isIntact: true },
        { kind: 'interrupt' },
        { kind: '-' },
        { kind: 'packet', payload: 'X10,1:#', isIntact: false },
        { kind: 'packet', payload: 'g', isIntact: true },
      ],
      `in pieces of ${size}`,
    );
  }
});

t.test('every byte can be in a packet', async (t) => {
  const all = byteString(Uint8Array.from({ length: 256 }, (_, i) => i));
  const packet = packetOf(all);
  t.strictSame(new PacketReader(1000).read(packet), [{ kind: 'packet', payload: all, isIntact: true }]);
  t.notMatch(byteString(packet), /\*/, 'nothing looks like a run length');
});

t.test('a packet that is cut off by another is lost, one that is too long is not kept', async (t) => {
  const reader = new PacketReader(8);
  t.strictSame(reader.read(bytesOf('$abc$g#67')), [{ kind: 'packet', payload: 'g', isIntact: true }]);
  t.strictSame(reader.read(bytesOf(`$${'x'.repeat(9)}#00`)), [{ kind: 'too long' }]);
  t.strictSame(reader.read(bytesOf('$g#67')), [{ kind: 'packet', payload: 'g', isIntact: true }]);
  t.equal(checksum(bytesOf('OK')), '9a');
});

t.test('acknowledgements, retransmission and checksums', async (t) => {
  const debug = new FakeDebugger(new FakeTarget());
  t.equal(debug.sendRaw('$vMustReplyEmpty#3a'), '+$#00');
  t.equal(debug.sendRaw('-'), '$#00', 'a refused reply is sent again');
  t.equal(debug.sendRaw('$vMustReplyEmpty#3b'), '-', 'a damaged packet is asked for again');
  t.equal(debug.sendRaw('$qAttached#8f'), '+$1#31');
  t.equal(debug.sendRaw('$QStartNoAckMode#b0'), '+$OK#9a', 'this one is still acknowledged');
  t.equal(debug.sendRaw('+'), '');
  t.equal(debug.sendRaw('$qAttached#8f'), '$1#31');
  t.equal(debug.sendRaw('$qAttached#00'), '$1#31', 'the checksum does not count any more');
  t.equal(debug.sendRaw('-'), '');
  t.equal(debug.sendRaw(`$${'x'.repeat(0x40001)}#00`), byteString(packetOf('E1b')), 'too long');
});

t.test('features, and what is not known', async (t) => {
  const debug = new FakeDebugger(new FakeTarget());
  t.match(debug.ask('qSupported:multiprocess+;swbreak+'), /^PacketSize=40000;.*;multiprocess\+;/);
  t.notMatch(debug.ask('qSupported:swbreak+'), /multiprocess/);
  for (const packet of [
    '',
    '!',
    'vMustReplyEmpty',
    'qTStatus',
    'qL1200',
    'R00',
    'QNonStop:1',
    'x10,1',
    '__proto__',
    '\0',
  ])
    t.equal(debug.ask(packet), '', JSON.stringify(packet));
  for (const packet of [
    'mzz,1',
    'm10',
    'M10,1',
    'M10,2:00',
    'M10,1:0',
    'X10,2:a',
    'G1',
    'P0',
    'pzz',
    'pffff',
    'Z0',
    'Z0,1',
  ])
    t.match(debug.ask(packet), /^E/, packet);
  for (const packet of [
    'vCont;',
    'vCont;x',
    'vCont;c:p2.1',
    'vCont;r1:1',
    'Hg',
    'Hgp9.1',
    'Hg77',
    'T',
    'Tp1.77',
    'vKill;2',
  ])
    t.match(debug.ask(packet), /^E/, packet);
  for (const packet of ['D;2', 'QThreadEvents:2', 'qRcmd,xyz', 'qCRC:1', 'qSearch:memory:1;2;', 'qMemoryRegionInfo:x'])
    t.match(debug.ask(packet), /^E/, packet);
});

t.test('threads of all processes are threads of one process', async (t) => {
  const { debug } = connected();
  t.equal(debug.ask('?'), `T0506:${word(0n)};07:${word(0n)};10:${word(CODE)};thread:p1.1;`);
  t.equal(debug.ask('qfThreadInfo'), 'mp1.1,p1.2,p1.1f');
  t.equal(debug.ask('qsThreadInfo'), 'l');
  t.equal(debug.ask('qC'), 'QCp1.1');
  t.equal(debug.ask('Hgp1.1f'), 'OK');
  t.equal(debug.ask('qC'), 'QCp1.1f');
  t.equal(debug.ask('Tp1.2'), 'OK');
  t.equal(textOfHex(debug.ask('qThreadExtraInfo,p1.2')), 'main/2: ready');
  const threads = debug.ask('qXfer:threads:read::0,10000');
  t.match(threads, /^l<\?xml/);
  t.match(threads, '<thread id="p1.1f" name="a &#38; b">ready</thread>');
  const alone = new FakeDebugger(new FakeTarget());
  t.equal(alone.ask('qfThreadInfo'), 'm1,2,1f', 'without the multiprocess extension');
});

t.test('registers', async (t) => {
  const { target, debug } = connected();
  const all = debug.ask('g');
  t.equal(all.length, 2 * REGISTERS.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0));
  t.equal(debug.ask(`p${numberOf('rip')}`), word(CODE));
  t.equal(debug.ask(`p${numberOf('cr3')}`), word(0x5000n));
  t.equal(debug.ask(`P0=${word(0x1122n)}`), 'OK');
  t.equal(target.findThread(1)!.registers['rax'], 0x1122n);
  t.equal(debug.ask(`P${numberOf('fs_base')}=${word(0x77n)}`), 'OK');
  t.equal(target.readRegisters(1).fsBase, 0x77n);
  t.equal(debug.ask(`P${numberOf('cr3')}=${word(1n)}`), 'E16', 'a control register');
  t.equal(debug.ask(`P${numberOf('cr3')}=${word(0x5000n)}`), 'OK', 'what it has already');
  t.equal(debug.ask(`P${numberOf('rip')}=0102`), 'E16', 'too short');
  const changed = all.slice(0, 16).replace(/^.*$/, word(9n)) + all.slice(16);
  t.equal(debug.ask(`G${changed}`), 'OK', 'all of them, where only some can be written');
  t.equal(target.findThread(1)!.registers['rax'], 9n);
  t.equal(debug.ask('Hgp1.2'), 'OK');
  t.equal(debug.ask('p0'), word(0n), 'of another thread');
});

t.test('the target description names all registers', async (t) => {
  const { debug } = connected();
  const [first, rest] = [
    debug.ask('qXfer:features:read:target.xml:0,100'),
    debug.ask('qXfer:features:read:target.xml:100,20000'),
  ];
  t.equal(first[0], 'm');
  t.equal(rest[0], 'l');
  const xml = first.slice(1) + rest.slice(1);
  // Each is where its feature is, with its number.
  const described = [...xml.matchAll(/<reg name="(\w+)".* regnum="(\d+)"/g)];
  t.strictSame(
    described.sort(([, , a], [, , b]) => Number(a) - Number(b)).map(([, name, number]) => [name, Number(number)]),
    REGISTERS.map(({ name }, number) => [name, number]),
  );
  for (const [, type] of xml.matchAll(/<reg [^>]*type="(i386_\w+|bd0_\w+|vec128)"/g)) t.match(xml, `id="${type}"`);
  t.equal(debug.ask('qXfer:features:read:other.xml:0,100'), 'E00');
  t.equal(debug.ask('qXfer:auxv:read::0,100'), 'E00', 'of a program of BD0');
  t.equal(debug.ask('qXfer:siginfo:read::0,100'), '');
  t.equal(debug.ask('qXfer:features:write:target.xml:0:x'), '');
});

t.test('memory', async (t) => {
  const { target, debug } = connected();
  t.equal(debug.ask(`m${CODE.toString(16)},4`), '90909090');
  t.equal(debug.ask(`m${(CODE + 0xffen).toString(16)},8`), '9090', 'up to the end of what is mapped');
  t.equal(debug.ask('m0,1'), 'E0e');
  t.equal(debug.ask('mffffffffffffffff,10'), 'E0e');
  t.equal(debug.ask(`M${DATA.toString(16)},3:010203`), 'OK');
  t.equal(debug.ask(`X${DATA.toString(16)},0:`), 'OK', 'a probe');
  t.equal(debug.ask(`X${(DATA + 3n).toString(16)},4:}#${'\0'}`), 'E16', 'fewer bytes than it says');
  t.equal(debug.ask(`X${(DATA + 3n).toString(16)},3:}#\0`), 'OK');
  t.strictSame([...target.readMemory(DATA, 6)], [1, 2, 3, 0x7d, 0x23, 0]);
  t.equal(debug.ask(`M${(DATA + 0xfffn).toString(16)},2:0102`), 'E0e', 'only a part of it is mapped');
  t.equal(debug.ask(`qSearch:memory:0;ffffffffffffffff;\x02\x03`), `1,${(DATA + 1n).toString(16)}`);
  t.equal(debug.ask(`qSearch:memory:${DATA.toString(16)};2;\x02\x03`), '0', 'not all of it is in the range');
  t.equal(debug.ask(`qCRC:${DATA.toString(16)},3`), `C${crcOf([1, 2, 3])}`);
  t.equal(debug.ask('qCRC:0,3'), 'E0e');
  t.equal(debug.ask('qMemoryRegionInfo:10008'), `start:10000;size:1000;permissions:rx;name:${hexOfText('image')};`);
  t.equal(debug.ask('qMemoryRegionInfo:11000'), 'start:11000;size:f000;');
  t.equal(debug.ask('qMemoryRegionInfo:21000'), 'start:21000;size:fffffffffffdf000;');
  t.match(debug.ask('qXfer:memory-map:read::0,1000'), /<memory type="ram" start="0x0"/);
});

/** A CRC-32 bit by bit, highest bit first. */
function crcOf(bytes: readonly number[]): string {
  let sum = 0xffffffffn;
  for (const byte of bytes)
    for (let bit = 7; bit >= 0; bit--) {
      const top = (sum >> 31n) & 1n;
      sum = ((sum << 1n) & 0xffffffffn) ^ (top ^ BigInt((byte >> bit) & 1) ? 0x04c11db7n : 0n);
    }
  return sum.toString(16);
}

t.test('images are files that can be read, at their places in memory', async (t) => {
  const { debug } = connected();
  t.equal(debug.ask('qXfer:exec-file:read:1:0,100'), 'l/process/1/main');
  t.equal(debug.ask('qOffsets'), `TextSeg=${CODE.toString(16)}`);
  const library = `<library name="/process/7/a &#38; b"><segment address="0x${(CODE + 0x600000n).toString(16)}"/></library>`;
  t.match(debug.ask('qXfer:libraries:read::0,1000'), library);
  t.equal(debug.ask('vFile:setfs:0'), 'F0');
  t.equal(debug.ask(`vFile:open:${hexOfText('/process/7/a & b')},0,0`), 'F1');
  t.equal(debug.ask(`vFile:open:${hexOfText('/etc/passwd')},0,0`), 'F-1,2');
  t.equal(debug.ask(`vFile:open:${hexOfText('/process/1/main')},201,0`), 'F-1,1e');
  t.equal(debug.ask('vFile:pread:1,4,0'), 'F4;\x7fELF');
  t.equal(debug.ask('vFile:pread:1,1000,74'), 'F4;\0\0\0\0', 'the end of it');
  t.equal(debug.ask('vFile:pread:1,10,1000'), 'F0;');
  const status = debug.ask('vFile:fstat:1');
  t.match(status, /^F40;/);
  t.equal(status.length, 4 + 64);
  t.equal(debug.ask('vFile:close:1'), 'F0');
  t.equal(debug.ask('vFile:close:1'), 'F-1,9');
  t.equal(debug.ask('vFile:pread:1,4,0'), 'F-1,9');
  t.equal(debug.ask('vFile:teleport:1'), '');
});

t.test('breakpoints, watchpoints and steps', async (t) => {
  const { target, debug } = connected();
  const at = STORE.toString(16);
  t.equal(debug.ask(`Z0,${at},1`), 'OK');
  t.equal(debug.ask(`Z0,${at},1`), 'OK');
  t.equal(target.stops.length, 1, 'inserted once');
  t.match(debug.run('vCont;c:p1.-1'), [new RegExp(`^T05swbreak:;06:.*;10:${word(STORE)};thread:p1.1;$`)]);
  t.equal(debug.ask(`z0,${at},1`), 'OK');
  t.equal(debug.ask(`z0,${at},1`), 'OK');
  debug.ask(`Z1,${(STORE + 4n).toString(16)},1`);
  t.match(debug.run('c'), [/^T05hwbreak:;/]);
  debug.ask(`z1,${(STORE + 4n).toString(16)},1`);
  for (const [type, name] of [
    [2, 'watch'],
    [4, 'awatch'],
  ] as const) {
    t.equal(debug.ask(`Z${type},${STORED.toString(16)},8`), 'OK');
    t.match(debug.run('vCont;c'), [new RegExp(`^T05${name}:${STORED.toString(16)};`)]);
    t.equal(debug.ask(`z${type},${STORED.toString(16)},8`), 'OK');
  }
  t.equal(debug.ask(`Z3,${DATA.toString(16)},12345`), 'OK', 'of any length');
  t.equal(debug.ask('Z2,0,0'), 'E16', 'of no length');
  t.equal(debug.ask('Z2,ffffffffffffffff,2'), 'E16', 'past the end of the address space');
  t.equal(debug.ask('Z0,800000000000,1'), 'E16', 'where nothing can be');
  t.equal(debug.ask('Z5,10000,1'), '');
  const { rip } = target.readRegisters(1);
  t.match(debug.run('vCont;s:p1.1;c:p1.-1'), [new RegExp(`^T0506:.*10:${word(rip + 1n)}`)]);
  t.match(debug.run('vCont;s:p1.1f;c'), [new RegExp(`10:${word(CODE + 1n)};thread:p1.1f`)]);
  t.match(debug.run(`vCont;r${CODE.toString(16)},${(CODE + 9n).toString(16)}:p1.1f`), [
    new RegExp(`10:${word(CODE + 9n)}`),
  ]);
  t.match(debug.run(`s${CODE.toString(16)}`), [new RegExp(`10:${word(CODE + 1n)}`)], 'at another address');
  t.match(debug.run('Hcp1.2'), ['OK']);
  t.match(debug.run('S05'), [/thread:p1.2;/]);
  t.match(debug.run('bs'), [/^T05replaylog:begin;/]);
  t.match(debug.run('bc'), [/^T05replaylog:begin;/]);
});

t.test('agent expressions', async (t) => {
  const memory = Uint8Array.of(0xfe, 1, 2, 3, 4, 5, 6, 0x87);
  const value = (code: string): bigint | string => {
    const context = {
      register: (number: number) => (number === 3 ? 0x8000_0000_0000_0001n : undefined),
      readMemory: (address: bigint, lengthBytes: number) =>
        memory.slice(Number(address), Number(address) + lengthBytes),
    };
    try {
      return evaluateAgentExpression(bytesOfHex(code.replaceAll(' ', ''))!, context);
    } catch (error) {
      if (!(error instanceof AgentExpressionError)) throw error;
      return error.message;
    }
  };
  const all = 2n ** 64n;
  const cases: readonly (readonly [code: string, value: bigint | string])[] = [
    ['2205 27', 5n],
    ['23 0102 27', 0x102n],
    ['24 01020304 27', 0x1020304n],
    ['25 0102030405060708 27', 0x102030405060708n],
    ['2205 2203 02 27', 8n],
    ['2203 2205 03 27', all - 2n],
    ['26 0003 2202 04 27', 2n],
    ['2200 2207 03 2202 05 27', all - 3n],
    ['26 0003 2202 06 27', 0x4000_0000_0000_0000n],
    ['2200 2207 03 2204 07 27', all - 3n],
    ['2209 2204 08 27', 1n],
    ['2201 223f 09 27', 1n << 63n],
    ['2201 2240 09 27', 0n],
    ['26 0003 2201 0a 27', 0xc000_0000_0000_0000n],
    ['26 0003 22ff 0a 27', all - 1n],
    ['26 0003 2201 0b 27', 0x4000_0000_0000_0000n],
    ['2200 0e 27', 1n],
    ['220c 220a 0f 27', 8n],
    ['220c 220a 10 27', 14n],
    ['220c 220a 11 27', 6n],
    ['2200 12 27', all - 1n],
    ['2203 2203 13 27', 1n],
    ['26 0003 2203 14 27', 1n],
    ['26 0003 2203 15 27', 0n],
    ['22fe 1608 27', all - 2n],
    ['2200 12 2a10 27', 0xffffn],
    ['2200 17 27', 0xfen],
    ['2200 18 27', 0x1fen],
    ['2200 19 27', 0x030201fen],
    ['2200 1a 27', 0x87060504030201fen],
    ['2201 2202 2b 03 27', 1n],
    ['2201 28 02 27', 2n],
    ['2201 2202 29 27', 1n],
    ['2205 2206 2207 3202 27', 5n],
    ['2205 2206 2207 33 27', 6n],
    ['2201 20 0008 2207 27 2209 27', 9n],
    ['21 0005 2207 2209 27', 9n],
    ['2201 2200 05 27', 'division by zero'],
    ['2201 2200 08 27', 'division by zero'],
    ['2206 1a 27', '0x6 is not mapped'],
    ['26 0004 27', 'register 4'],
    ['0c 27', 'the stack is empty'],
    ['2201 0c 27', 'operation 0xc'],
    ['02 27', 'the stack is empty'],
    ['3205 27', 'the stack is empty'],
    ['2201', 'the expression has no end'],
    ['24 0102', 'the expression has no end'],
    ['21 0000', 'more than 10000 operations'],
    ['2201 21 0000', 'the stack is full'],
  ];
  for (const [code, expected] of cases) t.equal(value(code), expected, code);
});

t.test('a breakpoint with conditions stops where one of them is true, or cannot be evaluated', async (t) => {
  const { target, debug } = connected();
  const place = `0,${STORE.toString(16)},1`;
  const rax = (): bigint | undefined => target.findThread(1)!.registers['rax'];
  // $rax == 3
  t.equal(debug.ask(`Z${place};X7,26000022031327`), 'OK');
  t.match(debug.run('vCont;c'), [/^T05swbreak/]);
  t.equal(rax(), 3n);
  t.equal(debug.ask(`Z${place};X7,26000022051327X7,26000022091327`), 'OK', 'others in their place');
  debug.run('vCont;c');
  t.equal(rax(), 5n);
  debug.run('vCont;c');
  t.equal(rax(), 9n);
  const before = `${CODE.toString(16)},${(STORE + 8n).toString(16)}`;
  t.match(debug.run(`vCont;r${before}:p1.1`), [new RegExp(`10:${word(STORE + 8n)}`)], 'a range is stepped through');
  t.equal(debug.ask(`Z${place};X1,ff`), 'OK');
  debug.run('vCont;c');
  t.equal(rax(), 10n);
  for (const bad of ['X2,00', 'Xffff,00', 'cmds:1,X1,00', 'X1,0']) t.equal(debug.ask(`Z${place};${bad}`), 'E16', bad);
});

t.test('a stop that is removed and inserted again, as gdb does at each stop, stays armed', async (t) => {
  const { target, debug } = connected();
  const breakpoint = `0,${STORE.toString(16)},1`;
  const watchpoint = `2,${STORED.toString(16)},1`;
  debug.ask(`Z${breakpoint}`);
  debug.ask(`Z${watchpoint}`);
  const stops = [...target.stops];
  t.match(debug.run('vCont;c'), [/^T05swbreak/]);
  debug.ask(`z${breakpoint}`);
  debug.ask(`z${watchpoint}`);
  t.match(debug.run('vCont;s:p1.1'), [new RegExp(`^T0506:.*10:${word(STORE + 1n)}`)], 'it does not count meanwhile');
  t.strictSame(target.stops, stops);
  debug.ask(`Z${breakpoint}`);
  t.match(debug.run('vCont;c'), [/^T05swbreak/], 'the other one is gone when the machine continues');
  t.strictSame(target.stops, stops.slice(0, 1));
  debug.ask(`z${breakpoint}`);
  t.strictSame(debug.run('vCont;c', 3), []);
  t.strictSame(target.stops, []);
});

t.test('Ctrl-C, and packets while the machine runs', async (t) => {
  const { target, debug } = connected();
  t.strictSame(debug.run('vCont;c', 3), []);
  t.equal(debug.session.isRunning, true);
  for (const packet of ['vCont;c', 'c', 's', '?']) t.equal(debug.ask(packet), 'E10', packet);
  t.match(debug.ask('m10000,1'), '90');
  t.match(debug.sendRaw('\x03'), /^\$T02/);
  t.equal(debug.session.isRunning, false);
  for (const resumption of ['vCont;c', 'vCont;s:p1.1', 'bc']) {
    t.strictSame([debug.sendRaw('\x03'), debug.sendRaw('\x03')], ['', ''], 'nothing runs');
    const { ticks } = target;
    t.match(debug.run(resumption, 3), [/^T02/], `${resumption} is stopped at once, and once`);
    t.equal(target.ticks, ticks);
  }
  t.strictSame(debug.run('vCont;c', 3), [], 'what is resumed next is not');
});

t.test('what happens in the machine while it runs', async (t) => {
  const { target, debug } = connected();
  target.coming.push({ kind: 'started', pid: 9 });
  t.match(debug.run('vCont;c'), [/^T05library:;.*thread:p1.1;/]);
  target.coming.push({ kind: 'waiting', forInput: true, until: 1e6 });
  debug.send('vCont;c');
  t.strictSame(debug.session.runSlice(10), { kind: 'waiting', forInput: true, until: 1e6 });
  target.coming.push({ kind: 'exited', pid: 7, exitCode: 3 });
  const ended = debug.run('?', 1);
  t.equal(textOfHex(ended[1]!.slice(1)), 'process 7 ended with exit code 3\n');
  t.match(ended[2], /^T05library:;/);
  target.coming.push({ kind: 'waiting', forInput: false, until: Infinity });
  const [words, stop] = debug.run('vCont;c');
  t.equal(textOfHex(words!.slice(1)), 'deadlock: every thread is waiting for another\n');
  t.match(stop, /^T05/);
  target.coming.push({ kind: 'history-end' });
  t.match(debug.run('vCont;c'), [/^T05replaylog:end;/]);
  target.coming.push({ kind: 'exited', pid: 1, exitCode: 300 });
  t.strictSame(debug.run('vCont;c'), ['W2c;process:1']);
  t.equal(debug.ask('?'), 'W2c;process:1');
  t.equal(debug.ask('vCont;c'), 'N', 'nothing is left to run');
  t.match(debug.ask('g'), /^E/);
});

t.test('a process that has the place of one that has ended is told from it', async (t) => {
  const { target, debug } = connected();
  const pid = 2 ** 32 + 7;
  target.startProcess(pid, 'later', [0x2f]);
  const monitor = (command: string): string =>
    debug
      .send(`qRcmd,${hexOfText(command)}`)
      .slice(0, -1)
      .map((reply) => textOfHex(reply.slice(1)))
      .join('');
  t.match(monitor('ps'), /^process 7\.1 \(later\) at /m);
  t.match(monitor('vmo'), /image of process 7\.1 \(later\)$/m);
  t.equal(monitor('map 7.1'), '');
  t.equal(monitor(`map ${pid}`), '');
  t.match(monitor('map 7.2'), /there is no process 7\.2/);
  t.match(debug.ask('qXfer:libraries:read::0,1000'), '<library name="/process/7.1/later">');
  target.endProcess(pid);
  target.coming.push({ kind: 'exited', pid, linuxPid: 9, exitCode: 3 });
  const [text] = debug.run('vCont;c');
  t.equal(textOfHex(text!.slice(1)), 'process 7.1 (9 to Linux programs) ended with exit code 3\n');
});

t.test('a trap is a signal, with the report as text', async (t) => {
  const { target, debug } = connected();
  const report = {
    ...{ cause: 'exception', pid: 1, name: 'main', tid: 1, rip: CODE, code: new Uint8Array(2), place: undefined },
    ...{ vector: 6, errorCode: 0, refused: undefined, exitCode: 132 },
  } as Extract<StopReason, { kind: 'trapped' }>['report'];
  target.coming.push({ kind: 'trapped', tid: 1, report });
  const [text, stop] = debug.run('vCont;c');
  t.match(textOfHex(text!.slice(1)), /^process 1 \(main\), thread 1: #UD\n/);
  t.match(stop, /^T04/);
  t.match(debug.ask('?'), /^T04/, 'and again when asked for');
  target.coming.push({ kind: 'trapped', tid: 1, report: { ...report, exitCode: 128 + 7 } });
  t.match(debug.run('vCont;C04:p1.1')[1], /^T0a/, 'SIGBUS has another number in gdb');
});

t.test('threads that start and end are reported to those who ask for it', async (t) => {
  const { target, debug } = connected();
  t.equal(debug.ask('QThreadEvents:1'), 'OK');
  debug.send('vCont;c');
  target.startProcess(9, 'late', [0x30]);
  t.match(debug.run('vCont;c'), ['E10', /^T05create:;.*thread:p1.30;/]);
  target.endProcess(7);
  t.strictSame(debug.run('vCont;c'), ['w0;p1.1f']);
  t.equal(debug.ask('QThreadEvents:0'), 'OK');
});

t.test('detaching removes all stops, killing ends all processes', async (t) => {
  const { target, debug } = connected();
  debug.ask('Z0,10000,1');
  t.equal(debug.ask('D;1'), 'OK');
  t.equal(debug.session.isOver, true);
  t.equal(target.stops.length, 0);
  t.equal(debug.sendRaw('$?#3f'), '', 'the session is over');
  const other = connected();
  t.equal(other.debug.ask('vKill;1'), 'OK');
  t.strictSame(other.target.killed, [7, 1]);
  const third = connected();
  t.strictSame(third.debug.send('k'), []);
  t.strictSame(third.target.killed, [7, 1]);
  t.equal(third.debug.session.isOver, true);
});

t.test('monitor commands', async (t) => {
  const target = new FakeTarget();
  const debug = new FakeDebugger(target, [
    { usage: 'twice WORD', summary: 'says it twice', run: ([word]) => [word!, word!] },
    {
      usage: 'fail',
      summary: 'fails',
      run: () => {
        throw new MonitorError('it did');
      },
    },
  ]).connect();
  const monitor = (command: string): string => {
    const replies = debug.send(`qRcmd,${hexOfText(command)}`);
    t.equal(replies.pop(), 'OK', command);
    return replies.map((reply) => textOfHex(reply.slice(1))).join('');
  };
  t.equal(monitor('twice a'), 'a\na\n');
  t.equal(monitor('fail'), 'it did\n');
  t.equal(monitor('fly'), "unknown command 'fly': monitor help lists the commands\n");
  t.match(monitor('help'), /^monitor ps +processes and their threads$/m);
  t.match(monitor(''), /^monitor twice WORD +says it twice$/m);
  t.equal(
    monitor('ps'),
    [
      'process 1 (main) at 0x000000000000f000',
      '  thread 1 at 0x0000000000010000: running',
      '  thread 2 at 0x0000000000010000: ready',
      'process 7 (a & b) at 0x000000000060f000, started by process 1',
      '  thread 31 at 0x0000000000010000: ready',
      '',
    ].join('\n'),
  );
  t.equal(monitor('map 1').split('\n')[0], '0x0000000000010000-0x0000000000011000 r-x image of process 1 (main)');
  t.equal(monitor('map 7'), '');
  t.equal(monitor('map 8'), 'there is no process 8: monitor ps lists them\n');
  t.equal(monitor('map 1 2'), 'usage: monitor map [PID]\n');
  t.equal(
    monitor('mem 0x10ff8 16'),
    '0x0000000000010ff8  90 90 90 90 90 90 90 90                          ........\n' +
      '0x0000000000011000  is not mapped\n',
  );
  t.equal(monitor('mem'), 'usage: monitor mem ADDRESS [LENGTH]\n');
  t.equal(monitor('mem x'), "'x' is not a number of 64 bits\n");
  t.equal(monitor('mem 0 5000'), 'LENGTH 5000 is not 1 to 4096\n');
  t.match(monitor('vmo'), /^0123456789abcdef {2}0x0000000000020000-0x0000000000021000 rw- VMO/m);
});

t.test('a command that takes long is done in steps, and can be given up', async (t) => {
  let ended = 0;
  const target = new FakeTarget();
  const debug = new FakeDebugger(target, [
    {
      usage: 'slow STEPS',
      summary: 'takes long',
      run: function* ([steps]) {
        try {
          for (let left = Number(steps); left > 0; left--) yield;
          if (steps === '7') throw new MonitorError('not seven');
          return ['done'];
        } finally {
          ended++;
        }
      },
    },
  ]).connect();
  const shown = (replies: readonly string[]): string[] =>
    replies.map((reply) => (reply === 'OK' ? reply : textOfHex(reply.slice(1))!));
  const slow = (steps: number): string => `qRcmd,${hexOfText(`slow ${steps}`)}`;
  t.strictSame(shown(debug.run(slow(3))), ['done\n', 'OK']);
  t.strictSame(shown(debug.run(slow(7))), ['not seven\n', 'OK']);
  t.match(shown(debug.run(slow(70))), [/^looking at tick \d+ \.\.\.\n$/, 'done\n', 'OK']);
  t.equal(ended, 3);
  // Ctrl-C.
  t.strictSame(debug.send(slow(1000)), []);
  debug.session.runSlice(1);
  t.equal(debug.session.isRunning && !debug.session.isGoingOn, true);
  debug.sendRaw('\x03');
  t.equal(debug.session.isRunning, false);
  t.equal(ended, 4);
  t.strictSame(shown(debug.send('qC')), shown(['QCp1.1']), 'the session goes on');
  // gdb no longer waits for it, and asks something else.
  debug.send(slow(1000));
  debug.session.runSlice(1);
  t.match(debug.send('?'), [/^T05/]);
  t.equal(ended, 5);
  t.equal(debug.session.isRunning, false);
  t.strictSame(debug.run('vCont;c', 3), [], 'Ctrl-C was for the command');
  t.match(debug.sendRaw('\x03'), /^\$T02/);
  debug.send(slow(1000));
  debug.session.runSlice(1);
  debug.session.close();
  t.equal(ended, 6);
});

t.test('what lldb wants', async (t) => {
  const debug = new FakeDebugger(new FakeTarget());
  t.match(debug.ask('qHostInfo'), /^triple:[0-9a-f]+;ptrsize:8;endian:little;$/);
  t.match(debug.ask('qProcessInfo'), /^pid:1;/);
  t.match(debug.ask('qRegisterInfo0'), /^name:rax;bitsize:64;offset:0;/);
  t.match(debug.ask(`qRegisterInfo${numberOf('rip')}`), /dwarf:16;generic:pc;$/);
  t.equal(debug.ask('qRegisterInfofff'), 'E45');
  t.match(JSON.parse(debug.ask('jThreadsInfo')), [{ tid: 1, name: 'main' }, { tid: 2 }, { tid: 31 }]);
  t.match(debug.run(`vCont;s:1`), [/^T05.*reason:trace;$/]);
  t.match(debug.ask('qThreadStopInfo1'), /^T05/);
  t.match(debug.ask('qThreadStopInfo2'), /^T00/);
});

t.test('no packet crashes the host, and every session goes on', async (t) => {
  const seed = seedOf(1);
  t.doesNotThrow(() =>
    fuzz(new Random(seed), volume(10_000, 100_000), () => new FakeTarget(), { code: CODE, data: DATA }),
  );
});
