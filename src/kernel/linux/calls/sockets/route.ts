/** Finds the receivers of what calls send. */
import type { LinuxContext } from '../../call.js';
import { LinuxErrno } from '../../errno.js';
import { CAP_NET_ADMIN, isCapable } from '../../files/credentials.js';
import { unixName } from '../../sockets/address.js';
import { routeOf } from '../../sockets/inet.js';
import { askNetlink } from '../../sockets/netlink.js';
import { passesCredentials, requireConnection, type Outgoing } from '../../sockets/send.js';
import type { Socket } from '../../sockets/socket.js';
import { bindByItself, unixSocketAt } from '../../sockets/unix.js';

/** The data to send with its receiver, or the number of bytes if nothing is left to send. Throws LinuxError. */
export function routeFor(
  context: LinuxContext,
  socket: Socket,
  address: Uint8Array | undefined,
  outgoing: Outgoing,
): Outgoing | number {
  const { pid: ownPort, place } = context.linux;
  if (socket.isNetlink)
    return askNetlink(context.system.fileSystem, socket, outgoing.bytes, address, {
      ownPort,
      isAdministrator: isCapable(place.credentials, CAP_NET_ADMIN),
    });
  if (socket.isUnix && !socket.isStream) {
    if (!socket.isDatagram) requireConnection(socket);
    else if (address) unixName(address);
    if (passesCredentials(socket)) bindByItself(context, socket);
  }
  if (socket.isStream || (socket.isUnix && (!address || !socket.isDatagram))) return outgoing;
  if (socket.isUnix) {
    return { ...outgoing, to: () => unixSocketAt(context, address!, socket.kind.type) };
  }
  socket.throwError();
  const { to, from } = routeOf(context.system.fileSystem, socket, address);
  if (to) return { ...outgoing, to: () => to, from };
  if (!address) socket.error = LinuxErrno.ECONNREFUSED;
  return outgoing.bytes.length;
}
