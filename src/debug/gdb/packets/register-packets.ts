import { bytesOfHex, cut, hexOfBytes, parseCount } from '../byte-strings.js';
import { REGISTERS, writeRegister } from '../registers.js';
import { ERROR, OK } from '../replies.js';
import type { SessionState } from '../session-state.js';
import type { PacketTable } from './packet-handler.js';

/** Packets about registers. */
export const REGISTER_PACKETS: PacketTable = {
  g: ({ state }) => {
    const thread = state.selected;
    if (!thread) return ERROR.notFound;
    const file = state.target.readRegisters(thread.tid);
    return REGISTERS.map((register) => hexOfBytes(register.read(file))).join('');
  },
  G: ({ state }, rest) => {
    const bytes = bytesOfHex(rest);
    return bytes ? writeAll(state, bytes) : ERROR.invalid;
  },
  p: ({ state }, rest) => {
    const register = registerOf(rest);
    const thread = state.selected;
    if (!register) return ERROR.invalid;
    return thread ? hexOfBytes(register.read(state.target.readRegisters(thread.tid))) : ERROR.notFound;
  },
  P: ({ state }, rest) => {
    const [number, digits] = cut(rest, '=');
    const register = registerOf(number);
    const bytes = bytesOfHex(digits ?? 'malformed');
    const thread = state.selected;
    if (!register || !bytes) return ERROR.invalid;
    if (!thread) return ERROR.notFound;
    return writeRegister(state.target, thread.tid, register, bytes) ? OK : ERROR.invalid;
  },
};

function registerOf(number: string): (typeof REGISTERS)[number] | undefined {
  return REGISTERS[parseCount(number) ?? -1];
}

/** Writes registers from the first one on, as many as there are bytes for. */
function writeAll(state: SessionState, bytes: Uint8Array): string {
  const thread = state.selected;
  if (!thread) return ERROR.notFound;
  let at = 0;
  let isDone = true;
  for (const register of REGISTERS) {
    if (at === bytes.length) break;
    const value = bytes.subarray(at, at + register.lengthBytes);
    isDone = writeRegister(state.target, thread.tid, register, value) && isDone;
    at += value.length;
  }
  return isDone && at === bytes.length ? OK : ERROR.invalid;
}
