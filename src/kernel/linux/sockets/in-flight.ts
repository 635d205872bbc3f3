/** Messages on their way, and open files that were sent with them: SCM_RIGHTS of unix(7). */
import { HOST_BYTES } from '../../host-memory.js';
import { LinuxError, LinuxErrno } from '../errno.js';
import type { FileSystem } from '../files/file-system.js';
import { POLLOUT, POLLWRBAND, POLLWRNORM, releaseFile, type OpenFile } from '../files/open/open-file.js';
import type { Message, Socket } from './socket.js';

/** Open files that may be on their way at once: RLIMIT_NOFILE for each user. */
const FILES_IN_FLIGHT_MAX = 1024;

/** Accounts for a message, and lets a socket have it. Throws ENOBUFS, ETOOMANYREFS. */
export function queueMessage(files: FileSystem, to: Socket, message: Message): void {
  const { hostMemory, sockets } = files;
  const count = message.files.length;
  if (!hostMemory.hasRoom(HOST_BYTES.message + message.length + count * HOST_BYTES.descriptor))
    throw new LinuxError(LinuxErrno.ENOBUFS);
  if (sockets.inFlight + count > FILES_IN_FLIGHT_MAX) throw new LinuxError(LinuxErrno.ETOOMANYREFS);
  hostMemory.charge('message');
  hostMemory.charge('messageByte', message.length);
  hostMemory.charge('descriptor', count);
  sockets.inFlight += count;
  if (count > 0) sockets.carriers.add(to);
  for (const file of message.files) file.references++;
  message.sender.sentBytes += message.charge;
  to.queue.push(message);
}

/** The open files of a message, which it has no longer: each has a reference more. */
export function takeFiles({ hostMemory, sockets }: FileSystem, message: Message): readonly OpenFile[] {
  const { files } = message;
  message.files = [];
  hostMemory.release('descriptor', files.length);
  sockets.inFlight -= files.length;
  return files;
}

/** A message is no longer in a queue. */
export function dropMessage(files: FileSystem, message: Message): void {
  const { sender } = message;
  files.hostMemory.release('message');
  files.hostMemory.release('messageByte', message.length);
  sender.sentBytes -= message.charge;
  if (sender.isWritable) files.wake(sender.number, POLLOUT | POLLWRNORM | POLLWRBAND);
  for (const file of takeFiles(files, message)) releaseFile(files, file);
}

/**
 * Gives up sockets that only messages of each other have, which nobody can receive any more: net/unix/garbage.c. Called when a
 * socket is closed while files are on their way.
 */
export function collectGarbage(files: FileSystem): void {
  const { sockets } = files;
  const counts = new Map<OpenFile, number>();
  const carriers = [...sockets.carriers].filter((each) => each.queue.some((message) => message.files.length > 0));
  sockets.carriers.clear();
  for (const carrier of carriers) {
    sockets.carriers.add(carrier);
    for (const file of sentTo(carrier)) counts.set(file, (counts.get(file) ?? 0) + 1);
  }
  const live = new Set<Socket>();
  const isHeld = (socket: Socket): boolean => {
    const file = sockets.fileOf(socket);
    return !file || file.references > (counts.get(file) ?? 0);
  };
  const toVisit = carriers.filter(isHeld);
  // A listening socket that is held holds what waits to be accepted; those that are on their way lead to further ones.
  for (let socket; (socket = toVisit.pop());) {
    if (live.has(socket)) continue;
    live.add(socket);
    for (const file of sentTo(socket)) if (file.socket) toVisit.push(file.socket, ...file.socket.arrivals);
  }
  for (const carrier of carriers) {
    if (live.has(carrier)) continue;
    const lost = carrier.queue.filter((message) => message.files.length > 0);
    const left = carrier.queue.filter((message) => message.files.length === 0);
    carrier.queue.splice(0, carrier.queue.length, ...left);
    for (const message of lost) dropMessage(files, message);
  }
}

/** The open files that are on their way to a socket. */
function sentTo({ queue }: Socket): readonly OpenFile[] {
  return queue.flatMap((message) => message.files);
}
