import { reportedFeatures, type CpuModel } from '../state/model.js';
import type { Feature } from '../meaning/features.js';

/** CR4.FSGSBASE and CR4.OSXSAVE: a kernel has turned the features on. SDM Vol. 3A 2.5. */
export const CR4_FSGSBASE = 1 << 16;
export const CR4_OSXSAVE = 1 << 18;

/** Features that a kernel turns on in CR4. */
export type BareFeature = Extract<Feature, 'FSGSBASE' | 'INVPCID' | 'SMAP' | 'XSAVE'>;
const NEW: readonly BareFeature[] = ['FSGSBASE', 'INVPCID', 'SMAP', 'XSAVE'];

/**
 * Those of a model of a bare machine: all from v3 on. The older models keep to what processors of their time had, since kernels do more
 * work with more features.
 */
export function bareFeatures(model: CpuModel): ReadonlySet<BareFeature> {
  const isOld = model === 'v1' || model === 'v2';
  return new Set(isOld ? [] : NEW.filter((name) => reportedFeatures(model).has(name)));
}
