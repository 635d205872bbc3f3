export { demangled } from './demangle.js';

/** Loads what `demangled` needs: here nothing. */
export function loadDemangler(): Promise<void> {
  return Promise.resolve();
}
