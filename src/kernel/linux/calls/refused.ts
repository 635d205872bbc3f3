import { failed, LinuxErrno } from '../errno.js';
import type { LinuxCall } from '../call.js';

/** Calls that change or inspect the machine, with their parameters. No program may make them, not even as root. */
const REFUSED: readonly (readonly [number: number, name: string, ...parameters: string[]])[] = [
  [103, 'syslog', 'type', 'buffer', 'length'],
  [153, 'vhangup'],
  [155, 'pivot_root', 'new', 'old'],
  [159, 'adjtimex', 'buffer'],
  [163, 'acct', 'path'],
  [164, 'settimeofday', 'time', 'zone'],
  [165, 'mount', 'source', 'target', 'type', 'flags', 'data'],
  [166, 'umount2', 'target', 'flags'],
  [167, 'swapon', 'path', 'flags'],
  [168, 'swapoff', 'path'],
  [169, 'reboot', 'magic', 'magic2', 'command', 'argument'],
  [170, 'sethostname', 'name', 'length'],
  [171, 'setdomainname', 'name', 'length'],
  [172, 'iopl', 'level'],
  [173, 'ioperm', 'from', 'count', 'on'],
  [175, 'init_module', 'image', 'length', 'parameters'],
  [176, 'delete_module', 'name', 'flags'],
  [227, 'clock_settime', 'clock', 'time'],
  [246, 'kexec_load', 'entry', 'count', 'segments', 'flags'],
  [272, 'unshare', 'flags'],
  [298, 'perf_event_open', 'attributes', 'pid', 'cpu', 'group', 'flags'],
  [305, 'clock_adjtime', 'clock', 'buffer'],
  [308, 'setns', 'fd', 'type'],
  [313, 'finit_module', 'fd', 'parameters', 'flags'],
  [320, 'kexec_file_load', 'kernel', 'initrd', 'length', 'line', 'flags'],
  [321, 'bpf', 'command', 'attributes', 'size'],
];

/** Each fails as it does on Linux for a program without the capability that it needs. */
export const REFUSED_CALLS: readonly LinuxCall[] = REFUSED.map(([number, name, ...parameters]) => ({
  ...{ number, name, parameters, perform: () => failed(LinuxErrno.EPERM) },
  ...{ state: 'refused', differs: 'Always EPERM.' },
}));
