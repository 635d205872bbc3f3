/** A kernel, or what is loaded with it, that cannot be booted; the message completes a sentence about the file. */
export class BootError extends Error {
  override readonly name = 'BootError';
}
