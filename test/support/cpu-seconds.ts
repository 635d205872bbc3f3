/** CPU time, for reports of tests. */
import { readFileSync } from 'node:fs';

/** USER_HZ, the unit of times in /proc. */
const TICKS_PER_SECOND = 100;

/** CPU seconds of all processes that this one has waited for, and that they have waited for: see proc(5), cutime and cstime. */
export function cpuSecondsOfEnded(): number {
  const [, fields] = readFileSync('/proc/self/stat', 'latin1').split(') ');
  const [user, system] = fields!.split(' ').slice(13, 15);
  return (Number(user) + Number(system)) / TICKS_PER_SECOND;
}

/** CPU seconds of this process and of all that it has waited for. */
export function cpuSecondsSoFar(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6 + cpuSecondsOfEnded();
}
