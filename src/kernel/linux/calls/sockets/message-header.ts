/** struct msghdr and what stands in its control part: recvmsg(2), cmsg(3), unix(7). */
import { wordBytes } from '../../../../bits.js';
import { signed32, type LinuxContext } from '../../call.js';
import { LinuxErrno, LinuxError } from '../../errno.js';
import { CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN, isCapable } from '../../files/credentials.js';
import type { OpenFile } from '../../files/open/open-file.js';
import { MSG_CTRUNC, SCM_CREDENTIALS, SCM_RIGHTS, SOL_SOCKET } from '../../sockets/constants.js';
import { senderOf } from '../../sockets/make-socket.js';
import type { SenderCredentials } from '../../sockets/socket.js';
import { bytesAt, putBytes, viewAt } from '../../user-data.js';
import { Buffers } from '../buffers.js';

const { EBADF, EINVAL, EMSGSIZE, ENOBUFS, EPERM, ESRCH, ETOOMANYREFS } = LinuxErrno;

export const HEADER_BYTES = 56;
const NAME_LENGTH = 8;
const CONTROL_LENGTH = 40;
const FLAGS = 48;
const CONTROL_HEADER_BYTES = 16;
const CREDENTIALS_BYTES = 12;
/** Open files in a message at most: SCM_MAX_FD. */
const FILES_MAX = 253;
/** Bytes of control messages at most: net.core.optmem_max. */
const CONTROL_BYTES_MAX = 131_072;

/** What a struct msghdr says. */
export interface MessageHeader {
  /** Of the struct. */
  readonly at: bigint;
  readonly name: bigint;
  readonly nameLength: number;
  readonly buffers: Buffers;
  readonly control: bigint;
  readonly controlLength: bigint;
}

/** Throws EFAULT, EINVAL, EMSGSIZE. */
export function headerAt(context: LinuxContext, at: bigint): MessageHeader {
  const view = viewAt(context, at, HEADER_BYTES);
  const [name, vector, count] = [0, 16, 24].map((offset) => view.getBigUint64(offset, true));
  const nameLength = view.getInt32(NAME_LENGTH, true);
  if (nameLength < 0) throw new LinuxError(EINVAL);
  if (count! > 1024n) throw new LinuxError(EMSGSIZE);
  return {
    ...{ at, name: name!, nameLength: name === 0n ? 0 : nameLength },
    buffers: Buffers.ofVector(context, vector!, count!),
    control: view.getBigUint64(32, true),
    controlLength: view.getBigUint64(CONTROL_LENGTH, true),
  };
}

/** What is sent along with a message. */
export interface Ancillary {
  readonly files: readonly OpenFile[];
  readonly credentials: SenderCredentials;
  /** The caller has given them. */
  readonly isNamed?: boolean;
}

/** Reads the control part of a message that is to be sent. Throws LinuxError. */
export function ancillaryAt(context: LinuxContext, { control, controlLength }: MessageHeader): Ancillary {
  let credentials = senderOf(context);
  let isNamed = false;
  const files: OpenFile[] = [];
  if (control === 0n || controlLength === 0n) return { files, credentials, isNamed };
  if (controlLength > BigInt(CONTROL_BYTES_MAX)) throw new LinuxError(ENOBUFS);
  const length = Number(controlLength);
  const view = viewAt(context, control, length);
  for (let at = 0; at + CONTROL_HEADER_BYTES <= length;) {
    const bytes = Number(view.getBigUint64(at, true));
    if (bytes < CONTROL_HEADER_BYTES || bytes > length - at) throw new LinuxError(EINVAL);
    const [level, type] = [view.getInt32(at + 8, true), view.getInt32(at + 12, true)];
    const from = at + CONTROL_HEADER_BYTES;
    if (level === SOL_SOCKET) {
      if (type === SCM_RIGHTS) addFiles(context, files, view, from, at + bytes);
      else if (type === SCM_CREDENTIALS && bytes === CONTROL_HEADER_BYTES + CREDENTIALS_BYTES) {
        credentials = credentialsIn(context, view, from);
        isNamed = true;
      } else throw new LinuxError(EINVAL);
    }
    at += (bytes + 7) & ~7;
  }
  return { files, credentials, isNamed };
}

function addFiles({ linux }: LinuxContext, files: OpenFile[], view: DataView, from: number, to: number): void {
  const count = (to - from) >> 2;
  if (files.length + count > FILES_MAX) throw new LinuxError(EINVAL);
  for (let index = 0; index < count; index++) {
    const fd = view.getInt32(from + index * 4, true);
    if (!linux.files.has(fd)) throw new LinuxError(EBADF);
    const file = linux.files.get(fd);
    if (file.references >= 2 ** 31) throw new LinuxError(ETOOMANYREFS);
    files.push(file);
  }
}

/** A process may only send its own credentials, unless its capabilities allow others. net/core/scm.c, "scm_check_creds" */
function credentialsIn({ linux, system }: LinuxContext, view: DataView, at: number): SenderCredentials {
  const [pid, user, group] = [0, 4, 8].map((offset) => view.getInt32(at + offset, true));
  const { credentials } = linux.place;
  const { realUser, savedUser, realGroup, savedGroup } = credentials;
  const may = (capability: number): boolean => isCapable(credentials, capability);
  const isAllowed =
    (pid === linux.pid || may(CAP_SYS_ADMIN)) &&
    ([credentials.user, realUser, savedUser].includes(user!) || may(CAP_SETUID)) &&
    ([credentials.group, realGroup, savedGroup].includes(group!) || may(CAP_SETGID));
  if (!isAllowed) throw new LinuxError(EPERM);
  if (pid !== linux.pid && !system.processes.has(pid!)) throw new LinuxError(ESRCH);
  if (user === -1 || group === -1) throw new LinuxError(EINVAL);
  return { pid: pid!, user: user!, group: group! };
}

/** What recvmsg reports about a message, besides its bytes. */
export interface ToldMessage {
  readonly address: Uint8Array | undefined;
  /** Where the socket wants them. */
  readonly credentials: SenderCredentials | undefined;
  readonly files: readonly OpenFile[];
  readonly flags: number;
  readonly closesOnExec: boolean;
}

/** Fills in a struct msghdr. Files that find no place there, or no descriptor, are left out: MSG_CTRUNC. Throws EFAULT. */
export function putHeader(context: LinuxContext, header: MessageHeader, told: ToldMessage): void {
  const control = new ControlPart(context, header);
  if (told.credentials) control.add(SCM_CREDENTIALS, credentialBytes(told.credentials));
  if (told.files.length > 0) control.addFiles(told.files, told.closesOnExec);
  const { address = new Uint8Array(0) } = told;
  if (header.name !== 0n) putBytes(context, header.name, address.subarray(0, header.nameLength));
  const view = viewAt(context, header.at, HEADER_BYTES);
  if (header.name !== 0n) view.setInt32(NAME_LENGTH, address.length, true);
  view.setBigUint64(CONTROL_LENGTH, BigInt(control.filled), true);
  view.setInt32(FLAGS, signed32(BigInt(told.flags | control.flags)), true);
  putBytes(context, header.at, new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
}

function credentialBytes({ pid, user, group }: SenderCredentials): Uint8Array {
  return new Uint8Array(Int32Array.of(pid, user, group).buffer);
}

/** The control part of a message that is received: net/core/scm.c "put_cmsg" and "scm_detach_fds". */
class ControlPart {
  filled = 0;
  flags = 0;
  private readonly room: number;

  constructor(
    private readonly context: LinuxContext,
    private readonly header: MessageHeader,
  ) {
    const { control, controlLength } = header;
    this.room =
      control === 0n ? 0 : Number(controlLength < BigInt(CONTROL_BYTES_MAX) ? controlLength : CONTROL_BYTES_MAX);
  }

  add(type: number, data: Uint8Array): void {
    const left = this.room - this.filled;
    if (left < CONTROL_HEADER_BYTES) return void (this.flags |= MSG_CTRUNC);
    const whole = CONTROL_HEADER_BYTES + data.length;
    if (left < whole) this.flags |= MSG_CTRUNC;
    const bytes = new Uint8Array(Math.min(left, whole));
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, BigInt(bytes.length), true);
    view.setInt32(8, SOL_SOCKET, true);
    view.setInt32(12, type, true);
    bytes.set(data.subarray(0, bytes.length - CONTROL_HEADER_BYTES), CONTROL_HEADER_BYTES);
    putBytes(this.context, this.header.control + BigInt(this.filled), bytes);
    this.filled += Math.min(left, (whole + 7) & ~7);
  }

  /** Gives the caller descriptors for files, as far as there is room for them. */
  addFiles(files: readonly OpenFile[], closesOnExec: boolean): void {
    const room = Math.max(0, (this.room - this.filled - CONTROL_HEADER_BYTES) >> 2);
    const table = this.context.linux.files;
    const numbers: number[] = [];
    for (const file of files.slice(0, room)) {
      try {
        numbers.push(table.add(file, closesOnExec));
      } catch (error) {
        if (!(error instanceof LinuxError)) throw error;
        break;
      }
    }
    if (numbers.length > 0) this.add(SCM_RIGHTS, wordBytes(...numbers));
    if (numbers.length < files.length) this.flags |= MSG_CTRUNC;
  }
}

/** A copy of the name of a header. Throws EFAULT. */
export function nameIn(context: LinuxContext, { name, nameLength }: MessageHeader): Uint8Array | undefined {
  return nameLength === 0 ? undefined : bytesAt(context, name, Math.min(nameLength, 128));
}
