import { schema, value } from '../../../state/schema.js';
import { textOfBytes } from '../files/byte-text.js';
import type { OpenFile } from '../files/open/open-file.js';
import type { Socket } from './socket.js';

/** The first of the ports that are given to sockets that do not ask for one: net.ipv4.ip_local_port_range. */
const PORT_MIN = 32768;
const PORTS = 28232;

/** What all sockets of a machine have in common: names that have no file, and files that are on their way. */
export class SocketTable {
  /** @internal */
  static readonly state = schema(
    'socket table',
    SocketTable,
    {
      names: value,
      ports: value,
      files: value,
      carriers: value,
      inFlight: value,
      nextName: value,
      nextPort: value,
    },
    { isPart: true },
  );

  /** Abstract names, with the types of the sockets that have them. */
  private readonly names = new Map<string, Socket>();
  /** Sockets that are bound to ports, by protocol and port. */
  private readonly ports = new Map<string, Socket[]>();
  /** The open files that stand for sockets. */
  private readonly files = new Map<Socket, OpenFile>();
  /** Sockets to which open files may be on their way, and how many are. */
  readonly carriers = new Set<Socket>();
  inFlight = 0;
  private nextName = 0;
  private nextPort = 0;

  /** The socket of a type that has an abstract name; undefined for none. */
  named(type: number, name: Uint8Array): Socket | undefined {
    return this.names.get(nameKey(type, name));
  }

  /** A socket has its abstract name. */
  addNamed(socket: Socket): void {
    this.names.set(nameKey(socket.kind.type, socket.name!), socket);
  }

  /** A number for a name that the kernel chooses: net/unix/af_unix.c "unix_autobind". */
  takeName(): number {
    return this.nextName++ & 0xfffff;
  }

  /** Those that are bound to a port of a protocol. */
  boundTo(protocol: number, port: number): readonly Socket[] {
    return this.ports.get(`${protocol}:${port}`) ?? [];
  }

  /** A port that no socket of a protocol has; undefined where all are taken. */
  freePort(protocol: number): number | undefined {
    for (let tried = 0; tried < PORTS; tried++) {
      const port = PORT_MIN + (this.nextPort++ % PORTS);
      if (this.boundTo(protocol, port).length === 0) return port;
    }
    return undefined;
  }

  /** A socket has its port. */
  addBound(socket: Socket): void {
    const key = portKey(socket);
    const bound = this.ports.get(key);
    if (bound) bound.push(socket);
    else this.ports.set(key, [socket]);
  }

  /** The open file of a socket; undefined for one that was not accepted yet. */
  fileOf(socket: Socket): OpenFile | undefined {
    return this.files.get(socket);
  }

  open(socket: Socket, file: OpenFile): void {
    this.files.set(socket, file);
  }

  /** A socket is gone. */
  forget(socket: Socket): void {
    this.files.delete(socket);
    this.carriers.delete(socket);
    if (!socket.name) return;
    if (socket.isUnix) {
      const key = nameKey(socket.kind.type, socket.name);
      if (this.names.get(key) === socket) this.names.delete(key);
      return;
    }
    this.unbind(socket);
  }

  /** A socket gives up its port. */
  unbind(socket: Socket): void {
    const key = portKey(socket);
    const left = this.ports.get(key)?.filter((each) => each !== socket) ?? [];
    if (left.length > 0) this.ports.set(key, left);
    else this.ports.delete(key);
  }
}

function nameKey(type: number, name: Uint8Array): string {
  return `${type}:${textOfBytes(name)}`;
}

/** The port lies behind the family, as the network has it. */
function portKey({ kind, name }: Socket): string {
  return `${kind.protocol}:${(name![2]! << 8) | name![3]!}`;
}
