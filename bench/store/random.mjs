let state = 0x9e3779b9;

/** xorshift32, from the same seed in each process: the same numbers everywhere. */
export function random() {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return state >>> 0;
}
