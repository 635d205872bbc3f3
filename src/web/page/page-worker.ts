let starter: string | undefined;

/**
 * A worker that runs a module of the site under the policy of the page. The policy of a worker comes with its file, and a server of
 * files sends none; a module of the page's own making has the policy of the page (HTML, "Creating a policy container from a fetch
 * response"), and so has what it imports.
 */
export function startPageWorker(module: URL, name: string): Worker {
  starter ??= URL.createObjectURL(new Blob([`import ${JSON.stringify(module.href)};`], { type: 'text/javascript' }));
  return new Worker(starter, { type: 'module', name });
}
