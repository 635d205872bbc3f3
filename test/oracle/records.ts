/** The harness's input and output as bytes: the other half of `struct request` and `struct after` in C. */
import { VECTOR_BYTES, X87_IMAGE_BYTES, type OracleCase, type OracleResult } from './case.js';
import { REQUEST_BYTES, RESPONSE_BYTES } from './layout.js';

/** Offsets in `struct request` (harness.c). */
const REQUEST = {
  gpr: 0,
  fsBase: 128,
  gsBase: 136,
  rflags: 144,
  mxcsr: 148,
  seed: 152,
  steps: 156,
  codeOffset: 160,
  length: 164,
  windows: 168,
  patches: 172,
  bytes: 176,
  xmm: 192,
  x87: 704,
} as const;

/** Offsets in `struct after` (step.h). */
const RESPONSE = {
  gpr: 0,
  rip: 128,
  cr2: 136,
  fsBase: 144,
  gsBase: 152,
  stray: 160,
  rflags: 168,
  mxcsr: 172,
  vector: 176,
  errorCode: 180,
  steps: 184,
  outcome: 188,
  selectors: 192,
  xmm: 208,
  x87: 720,
} as const;

const NO_FAULT = 0xffff_ffff;
const WINDOW_BYTES = 16;
const roundUp8 = (length: number) => (length + 7) & ~7;

/** `enum outcome` of step.h. */
export const OUTCOME = { stepped: 0, systemCall: 1, baseRefused: 2 } as const;

/** The bytes of memory that the windows of a case hold. */
function windowBytes({ memory }: OracleCase): number {
  return memory.windows.reduce((sum, { length }) => sum + length, 0);
}

function requestBytes({ memory: { windows, patches = [] } }: OracleCase): number {
  const patched = patches.reduce((sum, { bytes }) => sum + WINDOW_BYTES + roundUp8(bytes.length), 0);
  return REQUEST_BYTES + windows.length * WINDOW_BYTES + patched;
}

/** The bytes of the harness's answer to a case. */
export function responseBytes(c: OracleCase): number {
  return RESPONSE_BYTES + windowBytes(c);
}

/** One buffer, seen in the three widths that records are made of. */
class Writer {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly words: BigUint64Array;

  constructor(lengthBytes: number) {
    const buffer = new ArrayBuffer(lengthBytes);
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
    this.words = new BigUint64Array(buffer);
  }
}

/** Writes the request at `at` and returns its end. */
function encodeRequest(c: OracleCase, { bytes, view, words }: Writer, at: number): number {
  const { windows, patches = [], seed } = c.memory;
  words.set(c.gpr, (at + REQUEST.gpr) / 8);
  words[(at + REQUEST.fsBase) / 8] = c.fsBase;
  words[(at + REQUEST.gsBase) / 8] = c.gsBase;
  view.setUint32(at + REQUEST.rflags, c.rflags, true);
  view.setUint32(at + REQUEST.mxcsr, c.mxcsr, true);
  view.setUint32(at + REQUEST.seed, seed, true);
  view.setUint32(at + REQUEST.steps, c.maxSteps ?? 1, true);
  view.setUint32(at + REQUEST.codeOffset, c.codeOffset, true);
  view.setUint32(at + REQUEST.length, c.bytes.length, true);
  view.setUint32(at + REQUEST.windows, windows.length, true);
  view.setUint32(at + REQUEST.patches, patches.length, true);
  bytes.set(c.bytes, at + REQUEST.bytes);
  bytes.set(c.xmm, at + REQUEST.xmm);
  bytes.set(c.x87, at + REQUEST.x87);
  at += REQUEST_BYTES;
  for (const { address, length } of windows) {
    words[at / 8] = address;
    view.setUint32(at + 8, length, true);
    at += WINDOW_BYTES;
  }
  for (const patch of patches) {
    words[at / 8] = patch.address;
    view.setUint32(at + 8, patch.bytes.length, true);
    bytes.set(patch.bytes, at + WINDOW_BYTES);
    at += WINDOW_BYTES + roundUp8(patch.bytes.length);
  }
  return at;
}

/** The harness's input for the cases. */
export function encodeRequests(cases: readonly OracleCase[]): Uint8Array {
  const writer = new Writer(cases.reduce((sum, c) => sum + requestBytes(c), 0));
  let at = 0;
  for (const c of cases) at = encodeRequest(c, writer, at);
  return writer.bytes;
}

/** What became of the case whose answer lies at `at`: one of OUTCOME. */
export function outcomeAt(view: DataView, at: number): number {
  return view.getUint32(at + RESPONSE.outcome, true);
}

/** The answer at `at`, an offset divisible by 8, to the case. Its arrays are views of the buffer. */
export function decodeResponse(c: OracleCase, view: DataView, at: number): OracleResult {
  const buffer = view.buffer as ArrayBuffer;
  const vector = view.getUint32(at + RESPONSE.vector, true);
  const errorCode = view.getUint32(at + RESPONSE.errorCode, true);
  const cr2 = view.getBigUint64(at + RESPONSE.cr2, true);
  const stray = view.getBigUint64(at + RESPONSE.stray, true);
  const windows: Uint8Array[] = [];
  let next = at + RESPONSE_BYTES;
  for (const { length } of c.memory.windows) {
    windows.push(new Uint8Array(buffer, next, length));
    next += length;
  }
  return {
    gpr: new BigUint64Array(buffer, at + RESPONSE.gpr, 16),
    rip: view.getBigUint64(at + RESPONSE.rip, true),
    rflags: view.getUint32(at + RESPONSE.rflags, true),
    xmm: new Uint8Array(buffer, at + RESPONSE.xmm, VECTOR_BYTES),
    x87: new Uint8Array(buffer, at + RESPONSE.x87, X87_IMAGE_BYTES),
    mxcsr: view.getUint32(at + RESPONSE.mxcsr, true),
    fsBase: view.getBigUint64(at + RESPONSE.fsBase, true),
    gsBase: view.getBigUint64(at + RESPONSE.gsBase, true),
    selectors: new Uint16Array(buffer, at + RESPONSE.selectors, 6),
    steps: view.getUint32(at + RESPONSE.steps, true),
    stray: stray === 0n ? undefined : stray,
    fault: vector === NO_FAULT ? undefined : { vector, errorCode, cr2 },
    windows,
  };
}
