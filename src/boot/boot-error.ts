/** Thrown if a kernel, or a file that is loaded with it, cannot be booted; the message is a clause about the kernel: "it ...". */
export class BootError extends Error {
  override readonly name = 'BootError';
}
