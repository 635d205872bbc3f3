let found: typeof import('./demangle.js') | undefined;
let loading: Promise<void> | undefined;

/** As in demangle.ts once that is loaded; names stay as they are before. The build of the page puts this in the place of demangler-at-hand.ts. */
export function demangled(name: string): string {
  return found?.demangled(name) ?? name;
}

/** Loads it, once. Where that cannot be done, names stay as they are. */
export function loadDemangler(): Promise<void> {
  return (loading ??= import('./demangle.js').then(
    (module) => void (found = module),
    () => undefined,
  ));
}
