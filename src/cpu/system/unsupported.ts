/** Thrown where a kernel needs a feature of processors that bd0 does not have yet: it ends the run of a bare machine. */
export class UnsupportedError extends Error {
  override readonly name = 'UnsupportedError';
}
