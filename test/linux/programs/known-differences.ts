/** Cases whose outcome is not yet that of Linux, by name, each with its reason. `npm run test:long` finds those that are. */
export const KNOWN_DIFFERENCES: ReadonlyMap<string, string> = new Map<string, string>([
  ['busybox cttyhack', 'it looks in /sys for the console of a terminal, and there is none'],
]);
