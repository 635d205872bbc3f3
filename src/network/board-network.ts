import type { NetworkHost } from './network-host.js';

/** The network of a board. */
export interface BoardNetwork {
  /** Whether the kernel can reach the host, and through it other machines. Otherwise only a gateway answers. */
  readonly isOpen: boolean;
  /** Carries out what an open network asks for; its news go to `Board.network.deliver`. */
  readonly host?: NetworkHost | undefined;
}

/** A network whose host gets no orders while a past is repeated. */
export function silenced({ isOpen, host }: BoardNetwork, isSilent: () => boolean): BoardNetwork {
  if (!host) return { isOpen };
  const unless = (order: () => void): void => {
    if (!isSilent()) order();
  };
  return {
    isOpen,
    host: {
      connect: (id, address, port) => unless(() => host.connect(id, address, port)),
      send: (id, bytes) => unless(() => host.send(id, bytes)),
      end: (id) => unless(() => host.end(id)),
      drop: (id) => unless(() => host.drop(id)),
      lookUp: (id, name) => unless(() => host.lookUp(id, name)),
    },
  };
}
