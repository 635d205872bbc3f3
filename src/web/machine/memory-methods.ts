import { describePage, type PageDescription } from '../../debug/inspect/page-description.js';
import { memoryPicture, type MemoryPicture } from '../../debug/inspect/memory-picture.js';
import { fromLinear, toLinear } from '../../kernel/memory/linear-address.js';
import type { MethodContext } from './methods.js';

/** A part of the address space: `count` cells of `cellBytes` bytes. Addresses are without their sign extension. */
export interface PictureRequest {
  readonly start: number;
  readonly cellBytes: number;
  readonly count: number;
  /** The key of a MemorySpace, of a machine that has several. */
  readonly space?: string | undefined;
}

/** Memory that a bare machine has: the physical one, and address spaces. */
export interface MemorySpace {
  readonly key: string;
  readonly title: string;
}

/** A picture, and what else there is to be drawn. */
export interface PictureOfSpace extends MemoryPicture {
  readonly spaces?: readonly MemorySpace[];
}

/** An address; `space` as in PictureRequest. */
export interface AddressRequest {
  readonly address: number;
  readonly space?: string | undefined;
}

/** A page, and where the pointer at its address leads, if it is one. */
export interface DescribedAddress extends PageDescription {
  readonly pointer: number | undefined;
}

const POINTER_BYTES = 8;

export function pictureOf({ computer, session }: MethodContext, request: PictureRequest): PictureOfSpace {
  return memoryPicture(computer, session.target, request.start, request.cellBytes, request.count);
}

export function describeAddress({ computer, session }: MethodContext, { address }: AddressRequest): DescribedAddress {
  const described = describePage(computer, address, session.allImages.symbolText(toLinear(address)));
  const { bytes } = described;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const target = bytes.length < POINTER_BYTES ? undefined : fromLinear(view.getBigUint64(0, true));
  const isMapped = target !== undefined && computer.readMemory(toLinear(target), 1).length > 0;
  return { ...described, pointer: isMapped ? target : undefined };
}
