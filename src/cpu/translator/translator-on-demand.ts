import type { HotCode } from './hot-code.js';
import type { TranslatorModule } from './translator-module.js';

let found: typeof HotCode | undefined;
let loading: Promise<void> | undefined;

/** The translator, loaded when it is asked for: the build of the page puts this in the place of translator-at-hand.ts. */
export const translatorModule: TranslatorModule = {
  get HotCode() {
    return found;
  },
  load: () =>
    (loading ??= import('./hot-code.js').then(
      (module) => void (found = module.HotCode),
      () => undefined,
    )),
};
