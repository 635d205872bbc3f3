import { CAP_SYS_PTRACE, isCapable } from '../files/credentials.js';
import type { LinuxProcess } from '../linux-process.js';

/** The parts of a process that decide. */
type Tracing = Pick<LinuxProcess, 'pid' | 'place'>;

/**
 * Whether a process may trace another one, and use its memory: it has the same user and group, and at least the same
 * capabilities. kernel/ptrace.c "__ptrace_may_access", security/commoncap.c "cap_ptrace_access_check"
 */
export function mayTrace(tracer: Tracing, target: Tracing): boolean {
  if (tracer.pid === target.pid) return true;
  const [own, others] = [tracer.place.credentials, target.place.credentials];
  if (isCapable(own, CAP_SYS_PTRACE)) return true;
  const isSameUser = [others.user, others.savedUser, others.realUser].every((user) => user === own.realUser);
  const isSameGroup = [others.group, others.savedGroup, others.realGroup].every((group) => group === own.realGroup);
  return isSameUser && isSameGroup && (others.capabilities.permitted & ~own.capabilities.permitted) === 0n;
}
