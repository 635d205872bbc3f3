import { hexOfBytes, hexOfText, parseCount } from '../byte-strings.js';
import { EXPEDITED, REGISTERS, type GdbRegister } from '../registers.js';
import { ERROR } from '../replies.js';
import type { SessionState } from '../session-state.js';
import { GDB_PID, parseThreadId } from '../thread-ids.js';
import type { PacketTable } from './packet-handler.js';

/* Packets that only lldb sends: "GDB Remote Protocol Extensions" in its documentation. */

/** lldb forgets the file of a program that is for another system than the target says it is. */
const TRIPLES = { bd0: 'x86_64-unknown-unknown', linux: 'x86_64-unknown-linux-gnu' } as const;

function hostOf({ program }: SessionState): string {
  const triple = TRIPLES[program?.linuxPid === undefined ? 'bd0' : 'linux'];
  return `triple:${hexOfText(triple)};ptrsize:8;endian:little;`;
}

/** The parts that lldb gives to some registers. */
const GENERIC: Readonly<Record<string, string>> = {
  ...{ rip: 'pc', rsp: 'sp', rbp: 'fp', eflags: 'flags' },
  ...{ rdi: 'arg1', rsi: 'arg2', rdx: 'arg3', rcx: 'arg4', r8: 'arg5', r9: 'arg6' },
};

/** Numbers in DWARF. psABI for x86-64, figure 3.36 "DWARF Register Number Mapping". */
const DWARF_ORDER = ['rax', 'rdx', 'rcx', 'rbx', 'rsi', 'rdi', 'rbp', 'rsp'];
const DWARF_OTHERS: Readonly<Record<string, number>> = { rip: 16, fs_base: 58, gs_base: 59, mxcsr: 64 };
const DWARF_XMM = 17;

export const LLDB_PACKETS: PacketTable = {
  qHostInfo: ({ state }) => {
    state.client.isLldb = true;
    return hostOf(state);
  },
  qProcessInfo: ({ state }) => `pid:${GDB_PID.toString(16)};${hostOf(state)}`,
  qRegisterInfo: (_, rest) => {
    const register = REGISTERS[parseCount(rest) ?? -1];
    return register ? registerInfo(register) : 'E45';
  },
  jThreadsInfo: ({ state }) => JSON.stringify(state.target.threads.map((thread) => threadInfo(state, thread))),
  qThreadStopInfo: ({ state, execution }, rest) => {
    const tid = parseThreadId(rest);
    if (typeof tid !== 'number' || !state.target.findThread(tid)) return ERROR.notFound;
    return execution.replyAbout(tid);
  },
};

function registerInfo(register: GdbRegister): string {
  const { name, lengthBytes, feature } = register;
  const offset = REGISTERS.slice(0, REGISTERS.indexOf(register)).reduce((sum, one) => sum + one.lengthBytes, 0);
  const encoding = /^([xy]mm|st)/.test(name) ? 'vector' : 'uint';
  const dwarf = dwarfNumber(name);
  const pairs: readonly (readonly [key: string, value: string | number | undefined])[] = [
    ['name', name],
    ['bitsize', lengthBytes * 8],
    ['offset', offset],
    ['encoding', encoding],
    ['format', encoding === 'vector' ? 'vector-uint8' : 'hex'],
    ['set', feature === 'core' ? 'General Purpose Registers' : `${feature} registers`],
    ['ehframe', dwarf],
    ['dwarf', dwarf],
    ['generic', GENERIC[name]],
  ];
  return pairs.flatMap(([key, value]) => (value === undefined ? [] : [`${key}:${value};`])).join('');
}

function dwarfNumber(name: string): number | undefined {
  const general = DWARF_ORDER.indexOf(name);
  if (general >= 0) return general;
  const extended = /^r(8|9|1[0-5])$/.exec(name);
  if (extended) return Number(extended[1]);
  const vector = /^xmm(\d+)$/.exec(name);
  return vector ? DWARF_XMM + Number(vector[1]) : DWARF_OTHERS[name];
}

function threadInfo({ target }: SessionState, { tid, name }: { readonly tid: number; readonly name: string }): object {
  const file = target.readRegisters(tid);
  const registers = EXPEDITED.map((number) => [number, hexOfBytes(REGISTERS[number]!.read(file))] as const);
  return { tid, name, registers: Object.fromEntries(registers) };
}
