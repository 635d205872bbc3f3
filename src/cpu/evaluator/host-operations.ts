import type { CpuState } from '../state/cpu-state.js';
import { cpuid } from '../state/cpuid.js';
import type { CpuModel } from '../state/model.js';
import { segmentLoadError } from '../state/descriptors.js';
import { GuestException, Vector } from '../state/exceptions.js';
import type { System } from '../system/system.js';
import type { CpuOperations } from './evaluator.js';
import { FS } from '../state/layout.js';

/** The CPU services for system and rare instructions. */
export function hostOperations(
  state: CpuState,
  controls: { readonly efer: number },
  ticks: () => number,
  model: CpuModel,
  system?: System,
): CpuOperations {
  return {
    system,
    segments: system?.segments,
    cpuid: (leaf, subleaf) => {
      const [eax, ebx, ecx, edx] = system
        ? system.controls.identify(Number(leaf), Number(subleaf))
        : cpuid(Number(leaf), Number(subleaf), model);
      return [BigInt(eax >>> 0), BigInt(ebx >>> 0), BigInt(ecx >>> 0), BigInt(edx >>> 0)];
    },
    efer: () => BigInt(controls.efer),
    timeStamp: () => BigInt(ticks()),
    setSegmentBase: (segment, value) => state.setSegmentBase(segment, value),
    loadSegment: (segment, selector) => {
      if (system) return system.segments.load(segment, Number(selector));
      const errorCode = segmentLoadError(segment, Number(selector));
      if (errorCode !== undefined) throw new GuestException(Vector.GP, errorCode);
      state.setSelector(segment, Number(selector));
      // Every descriptor's base is 0; a null selector leaves the base 0 as well.
      if (segment >= FS) state.setSegmentBase(segment, 0n);
    },
  };
}
