import { byId } from './dom.js';

const CONTROLS = 'button, input:not([type=file]), select, textarea, canvas, pre, [tabindex]';

/** Puts the focus into the next area of the page, or the one before: the console, the view, the timeline and the top. */
export function goToArea(step: 1 | -1, focusConsole: () => void): void {
  const areas = [byId('console'), byId('view'), byId('timeline'), document.querySelector('header')!];
  const firsts = areas.map(firstOf);
  const now = areas.findIndex((area) => area.contains(document.activeElement));
  for (let count = 1, at = now; count <= areas.length; count++) {
    at = (at + step + areas.length) % areas.length;
    const first = firsts[at];
    if (!first) continue;
    if (at === 0) focusConsole();
    else first.focus();
    return;
  }
}

/** The first control that Tab reaches. */
function firstOf(area: HTMLElement): HTMLElement | undefined {
  return Array.from(area.querySelectorAll<HTMLElement>(CONTROLS)).find(
    (each) => each.tabIndex >= 0 && !(each as HTMLButtonElement).disabled && each.getClientRects().length > 0,
  );
}
