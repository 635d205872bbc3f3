import { completeFeatures, featureFacts, type Feature } from '../meaning/features.js';
import { OPCODES } from '../meaning/opcodes/index.js';
import type { Row } from '../decode/row.js';

/**
 * Models of the processor: the levels of x86-64 (psABI, "x86-64 Architecture Levels"), and all that bd0 has. Instructions of
 * features that a model lacks are #UD, or what their encoding is without them (BSR for LZCNT).
 */
export const CPU_MODELS = ['v1', 'v2', 'v3', 'max'] as const;
export type CpuModel = (typeof CPU_MODELS)[number];
export const DEFAULT_MODEL: CpuModel = 'max';

/** Whether a name is that of a model. */
export function isCpuModel(name: string): name is CpuModel {
  return CPU_MODELS.some((model) => model === name);
}

const reported = new Map<CpuModel, ReadonlySet<Feature>>();

/** The features that CPUID reports on a model. */
export function reportedFeatures(model: CpuModel = DEFAULT_MODEL): ReadonlySet<Feature> {
  let features = reported.get(model);
  if (!features) {
    const level = CPU_MODELS.indexOf(model) + 1;
    features = new Set([...completeFeatures(OPCODES)].filter((name) => featureFacts(name).level <= level));
    reported.set(model, features);
  }
  return features;
}

/** Whether a model has an instruction. Rows of a feature that is not complete are on the model with all there is. */
export function hasRow(model: CpuModel, { feature, alsoRequires }: Pick<Row, 'feature' | 'alsoRequires'>): boolean {
  const features = reportedFeatures(model);
  const has = (name: Feature | ''): boolean => name === '' || features.has(name);
  return model === DEFAULT_MODEL || (has(feature) && has(alsoRequires ?? ''));
}
