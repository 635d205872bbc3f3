/** Random packets for a session: valid ones, damaged ones and noise. */
import { packetOf } from '../../../src/debug/gdb/packet-reader.js';
import type { MonitorCommand } from '../../../src/debug/gdb/monitor/monitor.js';
import type { DebugTarget } from '../../../src/debug/target.js';
import type { Random } from '../../support/random.js';
import { FakeDebugger } from './fake-debugger.js';

const VALID: readonly string[] = `
  qSupported:multiprocess+;swbreak+;no-resumed+ vMustReplyEmpty QStartNoAckMode Hgp0.0 Hgp1.1 Hc-1
  qXfer:features:read:target.xml:0,fff qTStatus ? qXfer:threads:read::0,1000 qAttached:1 g p10
  qXfer:exec-file:read:1:0,1000 vFile:setfs:0 vFile:open:2f70726f636573732f312f6d61696e,0,0 vFile:fstat:1
  vFile:pread:1,400,0 vFile:close:1 qOffsets qXfer:libraries:read::0,1000 qXfer:memory-map:read::0,1000
  qSymbol:: vCont? vCont;c:p1.-1 vCont;s:p1.1;c:p1.-1 vCont;r10000,10020:p1.1 vCont;C0b:p1.1;c c
  s c10000 S05 C05;10000 bs bc D;1 D vKill;1 k Z0,10010,1 Z1,10020,1 Z2,20100,8
  Z0,10018,1;X7,26000022052713 Z0,10018,1;X3,220127X3,220027 z0,10018,1 Z0,10018,1;X7,26000022031327
  Z3,20000,1000 Z4,20100,1 z0,10010,1 z1,10020,1 z2,20100,8 z3,20000,1000 z4,20100,1 T1 qC
  m10000,40 m20000,1 M20000,4:01020304 X20000,0: X20000,4:abcd qSearch:memory:10000;2000;ab Tp1.2
  qCRC:10000,100 P0=0102030405060708 P10=0000010000000000 qfThreadInfo qsThreadInfo QThreadEvents:1
  qThreadExtraInfo,p1.1 qRcmd,7073 qRcmd,6d6170 qRcmd,6d656d2030783130303030 qMemoryRegionInfo:10000
  qRcmd,77686f20307832303030302c34 qRcmd,676f746f2032 qRcmd,686973746f7279 qRcmd,736e617073686f74
  qHostInfo qProcessInfo qRegisterInfo0 jThreadsInfo qThreadStopInfo1 G0000 QThreadEvents:0`
  .trim()
  .split(/\s+/);

const INTERESTING: readonly string[] =
  ' 0 -1 1 ffffffffffffffff 7fffffff 80000000 8000000000000000 00000000000000001'.split(' ');
const CHARACTERS_MAX = 40;
const SLICES = 3;

/** A packet's payload: as it should be, or with something changed in it. */
function payload(random: Random, places: Places): string {
  const valid = random.pick(VALID);
  let text = valid.replace(/(?<![0-9a-f])([12])0([01][0-9a-f]{2})(?![0-9a-f])/g, (_, kind: string, offset: string) =>
    ((kind === '1' ? places.code : places.data) + BigInt(`0x${offset}`)).toString(16),
  );
  for (let changes = random.below(4); changes > 0; changes--) text = changed(random, text);
  return text;
}

function changed(random: Random, text: string): string {
  const at = random.below(text.length + 1);
  const character = String.fromCharCode(random.below(256));
  switch (random.below(7)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(0, at) + character + text.slice(at + 1);
    case 2:
      return text.slice(0, at) + character + text.slice(at);
    case 3:
      return text + random.pick(VALID).slice(at);
    case 4:
      return text.replace(/[0-9a-f]+(?=[^0-9a-f]*$)/, random.pick(INTERESTING));
    case 5:
      return text.replace(/[0-9a-f]+/, random.bits64().toString(16).slice(random.below(16)));
    default:
      return Array.from({ length: random.below(CHARACTERS_MAX) }, () => String.fromCharCode(random.below(256))).join(
        '',
      );
  }
}

/** What goes over the wire for it. */
function framed(random: Random, text: string): string {
  if (random.chance(20)) return text;
  const bytes = [...packetOf(text)];
  if (random.chance(20)) bytes[random.below(bytes.length)] = random.below(256);
  if (random.chance(30)) bytes.length = random.below(bytes.length);
  return String.fromCharCode(...bytes) + (random.chance(10) ? random.pick(['+', '-', '\x03', '$']) : '');
}

/** Addresses that stand in the packets, in place of 0x10000 and 0x20000. */
export interface Places {
  readonly code: bigint;
  readonly data: bigint;
}

/**
 * Sends packets, a debugger after the other where one detaches. Throws if one of them is not answered in the end, or
 * if anything else throws. Calls `lost` for a new target where the program has ended.
 */
export function fuzz<Target extends DebugTarget>(
  random: Random,
  count: number,
  makeTarget: () => Target,
  places: Places,
  commandsOf: (target: Target) => readonly MonitorCommand[] = () => [],
): void {
  let target = makeTarget();
  let debug = new FakeDebugger(target, commandsOf(target));
  for (let sent = 0; sent < count; sent++) {
    debug.sendRaw(framed(random, payload(random, places)));
    for (let i = 0; i < SLICES && debug.session.isRunning; i++) debug.session.runSlice(1 + random.below(200));
    if (random.chance(50)) checkAlive(debug);
    if (!target.processes.some(({ pid }) => pid === 1)) target = makeTarget();
    else if (!debug.session.isOver) continue;
    debug.session.close();
    debug = new FakeDebugger(target, commandsOf(target));
  }
  checkAlive(debug);
}

/** After whatever was sent, a debugger can stop the machine and ask why it stands. */
function checkAlive(debug: FakeDebugger): void {
  // A packet that has only begun ends here.
  debug.sendRaw('$#00\x03');
  if (debug.session.isOver) return;
  const reply = debug.ask('?');
  if (!/^[TW]/.test(reply)) throw new Error(`the session answers ${reply}`);
  debug.raw = '';
}
