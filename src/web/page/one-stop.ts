/**
 * Makes the controls of a list one stop of Tab, from which arrow keys, Home and End lead to the others: of long lists, Tab would
 * reach what follows after hundreds of keys only. `columns`: of controls that stand in rows.
 */
export function asOneStop<List extends HTMLElement | SVGElement>(
  list: List,
  { selector = 'button', first = 0, columns = 1 } = {},
): List {
  const controls = (): HTMLElement[] => Array.from(list.querySelectorAll<HTMLElement>(selector));
  markStop(controls(), Math.max(0, first));
  list.addEventListener('keydown', (event) => {
    const { key } = event as KeyboardEvent;
    const all = controls();
    const at = all.findIndex((each) => each === document.activeElement);
    const steps: Readonly<Record<string, number>> = {
      ...{ ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns },
      ...{ Home: -at, End: all.length - 1 - at },
    };
    const next = at < 0 ? undefined : all[at + (steps[key] ?? NaN)];
    if (!next) return;
    event.preventDefault();
    all[at]!.setAttribute('tabindex', '-1');
    next.setAttribute('tabindex', '0');
    next.focus();
  });
  return list;
}

/** Of the controls of a list, makes one the stop of Tab. */
export function markStop(controls: ArrayLike<Element>, first = 0): void {
  Array.from(controls).forEach((each, at) => each.setAttribute('tabindex', at === first ? '0' : '-1'));
}

/** Replaces what a place shows, whose control at the same position has the focus, then, if one had it. */
export function redraw(place: HTMLElement, ...children: readonly Node[]): void {
  const at = controlsOf(place).findIndex((each) => each === document.activeElement);
  place.replaceChildren(...children);
  if (at < 0) return;
  const controls = controlsOf(place);
  const control = controls[Math.min(at, controls.length - 1)];
  if (!control) return;
  if (control.tabIndex < 0) {
    markStop(control.closest('ol, ul')?.querySelectorAll('button') ?? [], -1);
    control.setAttribute('tabindex', '0');
  }
  control.focus();
}

function controlsOf(place: HTMLElement): HTMLElement[] {
  return Array.from(place.querySelectorAll<HTMLElement>('button, input, select, [tabindex]'));
}
