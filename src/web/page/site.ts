import type { Content } from '../protocol.js';

/** What `files.json` says: what the page offers to guests, and the sources of the programs. */
export interface SiteFiles {
  /** What the page itself consists of. */
  readonly parts: readonly string[];
  readonly images: readonly string[];
  readonly sources: readonly string[];
}

/** Loads the list of files. Throws an Error that says what is missing. */
export async function loadSite(): Promise<SiteFiles> {
  const response = await fetch('files.json');
  if (!response.ok) throw new Error(`cannot load files.json: ${response.status} ${response.statusText}`);
  return (await response.json()) as SiteFiles;
}

/** An image that comes with the page. */
export function imageContent(name: string): Content {
  return { url: new URL(`images/${encodeURIComponent(name)}`, document.baseURI).href };
}

/** All that guests find by name. */
export function siteImages({ images }: SiteFiles): (readonly [name: string, content: Content])[] {
  return images.map((name) => [name, imageContent(name)] as const);
}
