import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { isIPv6 } from 'node:net';
import { HostError, isSystemError, systemReason } from './failure.js';

/** Where debuggers connect; port 0 means any free port. */
export interface GdbAddress {
  readonly host: string;
  readonly port: number;
}

/** A session with a debugger, such as GdbSession. */
export interface RemoteSession {
  readonly isOver: boolean;
  receive(bytes: Uint8Array): void;
  close(): void;
}

export interface GdbServerOptions {
  /** Begins a session; `write` sends bytes to the debugger. */
  readonly open: (write: (bytes: Uint8Array) => void) => RemoteSession;
  /** Called when a debugger has connected, sent something, or gone. */
  readonly onActivity: () => void;
  /** Gets a line about a connection that was refused. */
  readonly onRefused: (line: string) => void;
}

/** What a debugger sends first: an acknowledgement, a packet or Ctrl-C. A browser, for one, sends something else. */
const FIRST_BYTES = [...'+-$\u0003'].map((character) => character.charCodeAt(0));
/** Connections that have sent nothing yet, and the one that is served. */
const CONNECTIONS_MAX = 16;
/** How long a debugger may take to receive the last packet. */
const LAST_PACKET_MS = 250;

/** A TCP server for one debugger at a time. Another one is refused with a line of text. */
export class GdbServer {
  private served: { readonly socket: Socket; readonly session: RemoteSession } | undefined;

  private constructor(
    private readonly server: Server,
    private readonly options: GdbServerOptions,
  ) {}

  /** Starts to listen. Throws HostError if the address is in use, or cannot be used. */
  static async listen({ host, port }: GdbAddress, options: GdbServerOptions): Promise<GdbServer> {
    const server = createServer({ noDelay: true });
    server.maxConnections = CONNECTIONS_MAX;
    const listening = new GdbServer(server, options);
    server.on('connection', (socket) => listening.take(socket));
    server.listen(port, host);
    try {
      await once(server, 'listening');
    } catch (error) {
      if (!isSystemError(error)) throw error;
      throw new HostError(`cannot listen on ${addressText({ host, port })}: ${systemReason(error)}`, 'system');
    }
    return listening;
  }

  /** Where it listens, with the port that was chosen for port 0. */
  get address(): GdbAddress {
    const { address, port } = this.server.address() as AddressInfo;
    return { host: address, port };
  }

  /** Ends the session and the server. Resolves when the debugger has received everything, or takes too long. */
  async close(): Promise<void> {
    this.server.close();
    if (!this.served) return;
    const { socket } = this.served;
    const timer = setTimeout(() => socket.destroy(), LAST_PACKET_MS);
    if (!socket.destroyed) await new Promise<void>((done) => socket.once('close', () => done()).end());
    clearTimeout(timer);
  }

  private take(socket: Socket): void {
    // Without a reader for it, an error would end bd0; the socket is closed after it.
    socket.on('error', () => {});
    socket.once('data', (bytes) => {
      if (!FIRST_BYTES.includes(bytes[0]!)) this.refuse(socket, 'what it sends is not the protocol of gdb');
      else if (this.served) this.refuse(socket, 'another debugger is connected');
      else this.serve(socket, bytes);
    });
  }

  private refuse(socket: Socket, reason: string): void {
    const { remoteAddress: host = 'somebody', remotePort: port = 0 } = socket;
    socket.end(`bd0: refused: ${reason}\n`);
    socket.resume();
    this.options.onRefused(`refused a connection from ${addressText({ host, port })}: ${reason}`);
    this.options.onActivity();
  }

  private serve(socket: Socket, first: Uint8Array): void {
    const session = this.options.open((bytes) => {
      // A debugger that asks without reading the answers must wait.
      if (!socket.write(bytes)) socket.pause();
    });
    this.served = { socket, session };
    const receive = (bytes: Uint8Array): void => {
      session.receive(bytes);
      if (session.isOver) socket.end();
      this.options.onActivity();
    };
    socket.on('data', receive);
    socket.on('drain', () => socket.resume());
    socket.on('close', () => {
      session.close();
      this.served = undefined;
      this.options.onActivity();
    });
    receive(first);
  }
}

/** `127.0.0.1:1234`, `[::1]:1234`. */
export function addressText({ host, port }: GdbAddress): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}
