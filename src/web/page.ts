/** The page of `bd0 web`. */
import { App } from './page/app.js';
import { byId, setText } from './page/dom.js';
import { loadSite, type SiteFiles } from './page/site.js';

async function open(): Promise<void> {
  const site = await loadSite();
  const app = new App(site);
  // For tests and for the curious.
  Object.assign(globalThis, { bd0: app });
  app.startFirst();
  await app.machine?.started;
  await keepForOffline(site).catch(() => {});
}

/**
 * Keeps the site for when its server cannot be reached. Browsers do that on https and on this computer only; a full storage is no
 * reason to complain.
 */
async function keepForOffline({ parts }: SiteFiles): Promise<void> {
  const { serviceWorker } = navigator as Partial<Navigator>;
  if (!serviceWorker || !('caches' in globalThis)) return;
  await serviceWorker.register('offline.js', { type: 'module' });
  const cache = await caches.open('bd0');
  await cache.addAll(['./', 'files.json', 'images/terminal', ...parts]);
}

open().catch((error: unknown) => {
  const place = byId('state');
  place.dataset['state'] = 'failed';
  setText(place, error instanceof Error ? error.message : String(error));
});
