import type { Semantics } from '../vocabulary.js';
import { readFarPointer } from './far-transfer.js';
import { resize } from './flag-bits.js';
import { gprWidth, place, read } from './operands.js';
import { SS } from '../../state/layout.js';
import { releaseStack, slotToPush, topOfStack } from './stack.js';

/** SDM Vol. 1 5.1.12 "Segment Register Instructions", and the instructions for the bases of FS and GS. */

/** MOV r/m16, Sreg: a register receives the zero-extended selector, memory its 16 bits. SDM Vol. 2B "MOV—Move". */
export const movFromSegment =
  (segment: number): Semantics =>
  (m, { dest }) => {
    const target = place(m, dest, 'write');
    target.write(resize(m, 16, gprWidth(dest), m.selector(segment)));
  };

/** MOV Sreg, r/m16; the decoder rejects CS. SDM Vol. 2B "MOV—Move". */
export const movToSegment: Semantics = (m, { src }) => {
  const segment = m.host.registerField();
  m.host.loadSegment(segment, read(m, src));
  if (segment === SS) m.host.system?.holdInterrupts();
};

/** PUSH FS, PUSH GS: pushes the selector, zero-extended. SDM Vol. 2B "PUSH". */
export const pushSegment =
  (segment: number): Semantics =>
  (m, { width }) => {
    slotToPush(m, width).push(resize(m, 16, width, m.selector(segment)));
  };

/** POP FS, POP GS: pops a value of the operand size whose low 16 bits are the selector. SDM Vol. 2B "POP". */
export const popSegment =
  (segment: number): Semantics =>
  (m, { width }) => {
    m.host.loadSegment(segment, resize(m, width, 16, topOfStack(m, width)));
    releaseStack(m, width / 8);
    if (segment === SS) m.host.system?.holdInterrupts();
  };

/**
 * LSS, LFS, LGS: loads a far pointer's selector into the segment register and its offset into DEST. SDM Vol. 2A
 * "LDS/LES/LFS/LGS/LSS".
 */
export const loadFarPointer =
  (segment: number): Semantics =>
  (m, { dest, src, width }) => {
    const { offset, selector } = readFarPointer(m, src, width);
    m.host.loadSegment(segment, selector);
    place(m, dest, 'write').write(resize(m, 64, width, offset));
  };

/** RDFSBASE, RDGSBASE: DEST := the base of FS (GS). SDM Vol. 2B "RDFSBASE/RDGSBASE". */
export const readBase =
  (segment: number): Semantics =>
  (m, { dest, width }) => {
    place(m, dest, 'write').write(resize(m, 64, width, m.segmentBase(segment)));
  };

/**
 * WRFSBASE, WRGSBASE: the base of FS (GS) := SRC, zero-extended; #GP(0) if it is not canonical. SDM Vol. 2D
 * "WRFSBASE/WRGSBASE".
 */
export const writeBase =
  (segment: number): Semantics =>
  (m, { dest, width }) => {
    const base = resize(m, width, 64, read(m, dest));
    m.requireCanonical(base);
    m.host.setSegmentBase(segment, base);
  };
