/**
 * A part of the linear address space where, while it is in use, something is seen that lies elsewhere: the bytes from
 * `window` on are those from `home` on. All three are multiples of 1 GiB, addresses as their low 48 bits.
 */
export interface Alias {
  readonly window: number;
  readonly home: number;
  readonly size: number;
}
