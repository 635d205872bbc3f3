/** Something that processors do and bd0 does not do yet: it ends the run of a bare machine, with a message. */
export class UnsupportedError extends Error {
  override readonly name = 'UnsupportedError';
}
