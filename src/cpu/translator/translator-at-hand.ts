import { HotCode } from './hot-code.js';
import type { TranslatorModule } from './translator-module.js';

/** The translator, loaded together with the processor. */
export const translatorModule: TranslatorModule = {
  HotCode,
  load: () => Promise.resolve(),
};
