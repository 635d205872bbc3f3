/** What tests ask of the page of `bd0 web`, as expressions that Chromium evaluates there. */
import type { ChromiumPage } from './chromium.js';

/** The text of its terminal. */
export const CONTENT = 'globalThis.bd0?.terminal?.content';

export const shows = (text: string): string => `(${CONTENT} ?? '').includes(${JSON.stringify(text)})`;

export const stateIs = (state: string): string =>
  `document.getElementById('state').dataset.state === ${JSON.stringify(state)}`;

export const TICKS = 'bd0.machine.status.ticks';

/** Types a line at the terminal of the page. */
export async function typeLine(page: ChromiumPage, line: string): Promise<void> {
  for (const key of line) await page.press(key, key);
  await page.press('Enter', '\r');
}

/** Drops files onto the page. */
export function drop(...files: readonly (string | Uint8Array)[]): string {
  const added = [];
  for (let at = 0; at < files.length; at += 2)
    added.push(
      `files.items.add(new File([Uint8Array.from([${(files[at + 1] as Uint8Array).join()}])], ${JSON.stringify(files[at])}));`,
    );
  return `{
    const files = new DataTransfer();
    ${added.join('\n')}
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true }));
  }`;
}

export const textOf = (selector: string): string => `document.querySelector(${JSON.stringify(selector)}).textContent`;
