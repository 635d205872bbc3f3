import { bytesToHex } from '../../../bits.js';
import { pidOfText, pidText } from '../../../kernel/tasks/process-table.js';
import { fullAddress } from '../../reports/address-text.js';
import { processLines, rangeLine } from '../../reports/machine-text.js';
import type { DebugTarget } from '../../target.js';
import { lengthOf, MonitorError, MOST_BYTES, numberOf, type MonitorCommand } from './monitor.js';

const MEMORY_BYTES_DEFAULT = 64;
const BYTES_PER_LINE = 16;
const ID_DIGITS = 16;

/** The commands that need nothing but the port. */
export const PORT_COMMANDS: readonly MonitorCommand[] = [
  {
    usage: 'ps',
    summary: 'processes and their threads',
    run: (words, target) => {
      expectNone('ps', words);
      return target.processes.flatMap((process) => processLines(process, target));
    },
  },
  {
    usage: 'map [PID]',
    summary: 'mapped memory, of one process or of all',
    run: ([pid, ...others], target) => {
      expectNone('map [PID]', others);
      const wanted = pid === undefined ? undefined : (pidOfText(pid) ?? Number(numberOf(pid)));
      if (wanted !== undefined && !target.processes.some((process) => process.pid === wanted))
        throw new MonitorError(`there is no process ${pid}: monitor ps lists them`);
      return target.memoryMap
        .filter((range) => wanted === undefined || range.pid === wanted)
        .map((range) => rangeLine(range, target));
    },
  },
  {
    usage: 'mem ADDRESS [LENGTH]',
    summary: `bytes of memory, at most ${MOST_BYTES}`,
    run: ([address, length, ...others], target, pid) => {
      expectNone('mem ADDRESS [LENGTH]', others);
      if (address === undefined) throw new MonitorError('usage: monitor mem ADDRESS [LENGTH]');
      const lengthBytes = length === undefined ? MEMORY_BYTES_DEFAULT : lengthOf(length);
      return memoryLines(target, numberOf(address), lengthBytes, pid);
    },
  },
  {
    usage: 'vmo',
    summary: 'content that is mapped: images and VMOs',
    run: (words, target) => {
      expectNone('vmo', words);
      const images = target.processes.map(
        ({ pid, name, imageId }) => `${imageId.slice(0, ID_DIGITS)}  image of process ${pidText(pid)} (${name})`,
      );
      const mapped = target.memoryMap.flatMap((range) => {
        const id = /^VMO ([0-9a-f]+)/.exec(range.what)?.[1];
        return id === undefined ? [] : [`${id.padEnd(ID_DIGITS)}  ${rangeLine(range, target)}`];
      });
      return [...images, ...mapped];
    },
  },
];

function expectNone(usage: string, words: readonly string[]): void {
  if (words.length > 0) throw new MonitorError(`usage: monitor ${usage}`);
}

function memoryLines(target: DebugTarget, address: bigint, lengthBytes: number, pid: number | undefined): string[] {
  const bytes = target.readMemory(address, lengthBytes, pid);
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += BYTES_PER_LINE) {
    const row = bytes.subarray(at, at + BYTES_PER_LINE);
    const digits = (bytesToHex(row).match(/../g) ?? []).join(' ').padEnd(3 * BYTES_PER_LINE - 1);
    const text = String.fromCharCode(...row).replace(/[^ -~]/g, '.');
    lines.push(`${fullAddress(address + BigInt(at))}  ${digits}  ${text}`);
  }
  if (bytes.length < lengthBytes) lines.push(`${fullAddress(address + BigInt(bytes.length))}  is not mapped`);
  return lines;
}
