/** What is wrong with a command of the debugger, in one line. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}
