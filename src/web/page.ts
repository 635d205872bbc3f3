/** The page of `bd0 web`. */
import { App } from './page/app.js';
import { byId, setText } from './page/dom.js';
import { loadSite } from './page/site.js';

async function open(): Promise<void> {
  const app = new App(await loadSite());
  // For tests and for the curious.
  Object.assign(globalThis, { bd0: app });
  app.start(app.programOfAddress());
}

open().catch((error: unknown) => {
  const place = byId('state');
  place.dataset['state'] = 'failed';
  setText(place, error instanceof Error ? error.message : String(error));
});
