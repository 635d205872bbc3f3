import type { CallResult } from '../../calls/call.js';
import { signed32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, failed } from '../errno.js';
import { bytesAt, viewAt } from '../user-data.js';

const IOV_BYTES = 16;

/** Until there are files: the console alone. */
function write({ console, ...context }: LinuxContext, fd: bigint, buffer: bigint, length: bigint): CallResult {
  if (signed32(fd) !== 1 && signed32(fd) !== 2) return failed(LinuxErrno.EBADF);
  console.write(bytesAt({ console, ...context }, buffer, Number(length)));
  return length;
}

function writev(context: LinuxContext, fd: bigint, vector: bigint, count: bigint): CallResult {
  let total = 0n;
  const view = viewAt(context, vector, Number(count) * IOV_BYTES);
  for (let index = 0; index < Number(count); index++) {
    const [base, length] = [0, 8].map((at) => view.getBigUint64(index * IOV_BYTES + at, true));
    const result = write(context, fd, base!, length!) as bigint;
    if (result < 0n) return result;
    total += result;
  }
  return total;
}

export const CONSOLE_CALLS: readonly LinuxCall[] = [
  { number: 1, name: 'write', parameters: ['fd', 'buffer', 'length'], perform: write, state: 'part', differs: '' },
  { number: 20, name: 'writev', parameters: ['fd', 'vector', 'count'], perform: writev, state: 'part', differs: '' },
];
