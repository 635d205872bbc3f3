import type { CodeRecord } from '../cache/code-record.js';

/** A region as one run keeps it for the next, wherever its code lies then. */
export interface KeptRegion {
  /** SHA-256 of the page that its addresses are counted from, in hexadecimal digits. */
  readonly page: string;
  /** Where its instructions are: distances from that page, by twos, first and end of each piece. */
  readonly pieces: readonly number[];
  /** SHA-256 of the bytes of the pieces, one after the other, in hexadecimal digits. */
  readonly content: string;
  /** What was asked for when it was made, as distances. */
  readonly wanted: readonly number[];
  readonly record: CodeRecord;
  /** What the host's compiler made of it, if it has kept that; only the host reads it. */
  readonly machineCode: Uint8Array | undefined;
}

/** How often code of a page was found running that was not translated. */
export interface KeptSamples {
  /** SHA-256 of the page, in hexadecimal digits. */
  readonly page: string;
  /** Offsets in the page and times, by twos. */
  readonly samples: readonly number[];
}

/** What runs keep of what they have found out. */
export interface KeptCode {
  /** Those used latest come first. */
  readonly regions: readonly KeptRegion[];
  readonly samples: readonly KeptSamples[];
}

/** The host's part in keeping code from one run of a program to the next; what it gives is checked against the guest's bytes. */
export interface CodeKeeper {
  /** What earlier runs have kept. */
  readonly kept: KeptCode;
  /** Compiles a region; with its machine code, where the host can take that. */
  compile(region: KeptRegion): WebAssembly.Module;
  /** The machine code of a region that has run, if the host has a good one. */
  machineCodeOf(module: WebAssembly.Module, run: CallableFunction): Uint8Array | undefined;
  /** Keeps all of this, for later runs, instead of what was kept before. */
  keep(code: KeptCode): void;
}
