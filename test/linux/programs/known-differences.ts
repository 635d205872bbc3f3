/** Cases whose outcome is not yet that of Linux, by name, each with its reason. `npm run test:long` finds those that are. */
export const KNOWN_DIFFERENCES: ReadonlyMap<string, string> = new Map<string, string>([
  ['busybox logname', 'opening /dev/tty without a terminal is not ENXIO'],
  ['busybox cttyhack', 'opening /dev/tty without a terminal is not ENXIO'],
  ['busybox chroot', 'there is no chroot'],
  ['python3, multiprocessing and mmap', 'an anonymous shared mapping is not shared with children'],
]);
