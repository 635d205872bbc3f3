import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/**
 * The directory of caches: bd0 in XDG_CACHE_HOME, which counts if it is absolute, or in ~/.cache.
 * XDG Base Directory Specification
 */
export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const { XDG_CACHE_HOME: home } = environment;
  return join(home !== undefined && isAbsolute(home) ? home : join(homedir(), '.cache'), 'bd0');
}
