/**
 * What the page, and workers with it, may do: nothing from elsewhere, and no script but its files. The terminal sets the sizes of
 * its cells by inline styles. The page has this policy as an element, wherever it is served from, and its workers begin as blobs of
 * the page, so that they have it as well.
 */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self' blob:",
  "connect-src 'self'",
  "img-src 'self' data:",
  "style-src 'self' 'unsafe-inline'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** What `bd0 web` sends as a header: an element cannot say which pages may have the page as a frame. */
export const SERVED_POLICY = `${PAGE_POLICY}; frame-ancestors 'self'`;
