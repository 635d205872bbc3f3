import { describeTranslation, translationText } from '../../debug/wasm-text/translation-text.js';
import type { Statistics } from '../../computer-options.js';
import type { MethodContext } from './methods.js';

/** What the engine view shows. */
export interface EngineState {
  readonly statistics: Statistics;
  readonly snapshots: { readonly snapshots: number; readonly bytes: number } | undefined;
  /** The last code regions that were translated, the newest first. */
  readonly regions: readonly { readonly number: number; readonly text: string }[];
}

const LINES_MAX = 4000;

export function engineState({ computer, session, translations }: MethodContext): EngineState {
  const { symbols } = session.allImages;
  return {
    statistics: computer.statistics,
    snapshots: session.target.timeline?.statistics,
    regions: translations.all
      .map(([number, event]) => ({ number, text: describeTranslation(event, symbols) }))
      .reverse(),
  };
}

/** The guest code of a region beside the Wasm that it became. Throws an Error for one that is not kept. */
export function regionText({ computer, session, translations }: MethodContext, number: number): string[] {
  const event = translations.find(number);
  if (!event) throw new Error('this region is no longer kept');
  const readMemory = (linear: bigint, lengthBytes: number): Uint8Array => computer.readMemory(linear, lengthBytes);
  return translationText(event, { readMemory, symbols: session.allImages.symbols }).slice(0, LINES_MAX);
}
