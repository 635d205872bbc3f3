import { listed, oneOf } from './options.js';

const CPU_MODELS = ['v1', 'v2', 'v3', 'max'] as const;

/** `--cpu`, as the help shows it. */
export const CPU_OPTION = {
  requiresArg: true,
  values: CPU_MODELS,
  describe: `model of the processor: ${listed(CPU_MODELS)}; a level of x86-64, or all that bd0 has`,
  defaultDescription: 'max',
  coerce: (text: string) => oneOf(CPU_MODELS, text, '--cpu'),
} as const;
