import type { Command } from './command.js';

/** Commands about the past of the machine. */
export const TIME_COMMANDS: readonly Command[] = [];
