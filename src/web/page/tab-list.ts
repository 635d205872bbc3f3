/** Marks a tab as the open one, or as another one. Tab reaches the open one, and arrow keys the others. */
export function markTab(tab: Element, isOpen: boolean): void {
  tab.setAttribute('aria-selected', String(isOpen));
  tab.setAttribute('tabindex', isOpen ? '0' : '-1');
  if (isOpen) tab.scrollIntoView({ block: 'nearest', inline: 'nearest' });
}

/** Arrow keys go from tab to tab, Home and End to the first and the last. */
export function moveFocus(list: HTMLElement, event: KeyboardEvent): void {
  const tabs = Array.from(list.querySelectorAll('button')).filter(({ hidden }) => !hidden);
  const at = tabs.findIndex((tab) => tab === document.activeElement);
  const goals: Readonly<Record<string, number>> = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 };
  const goal = goals[event.key];
  if (goal === undefined) return;
  tabs[(goal + tabs.length) % tabs.length]?.focus();
  event.preventDefault();
}
