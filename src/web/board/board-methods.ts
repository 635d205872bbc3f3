import type { Board } from '../../board.js';
import type { Methods } from '../machine/methods.js';
import { describeBoardAddress } from './board-description.js';
import { boardPicture } from './board-picture.js';
import type { Spaces } from './spaces.js';

/** What the methods work with. */
export interface BoardContext {
  readonly board: Board;
  readonly spaces: Spaces;
  /** Runs to a tick, and pauses there. */
  readonly runTo: (tick: number) => void;
}

type BoardMethods = {
  readonly [Name in keyof Methods]?: (
    context: BoardContext,
    argument: Methods[Name]['argument'],
  ) => Methods[Name]['result'];
};

/** What a page can ask of a bare machine: a part of what it can ask of others. */
export const BOARD_METHODS: BoardMethods = {
  machineHash: ({ board }) => board.machineHash(),

  /** Pauses at a tick; a bare machine keeps no history, so it has to lie ahead. */
  goto: ({ board, runTo }, tick) => {
    if (!(tick >= board.ticks)) throw new Error('a bare machine keeps no history: it cannot go back');
    runTo(Math.round(tick));
  },

  picture: ({ board, spaces }, request) => ({
    ...boardPicture(board, spaces.find(request.space), request),
    spaces: spaces.all,
  }),

  describe: ({ board, spaces }, { address, space }) => describeBoardAddress(board, spaces.find(space), address),
};
