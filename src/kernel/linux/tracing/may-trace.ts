import { CAP_SYS_PTRACE, isCapable } from '../files/credentials.js';
import type { LinuxProcess } from '../linux-process.js';

/** A process, as far as that matters. */
type Tracing = Pick<LinuxProcess, 'pid' | 'place'>;

/**
 * Whether a process may trace another one, and use its memory: it has the user and group that the other one has, and all that
 * the other one may do. kernel/ptrace.c "__ptrace_may_access", security/commoncap.c "cap_ptrace_access_check"
 */
export function mayTrace(tracer: Tracing, target: Tracing): boolean {
  if (tracer.pid === target.pid) return true;
  const [own, others] = [tracer.place.credentials, target.place.credentials];
  if (isCapable(own, CAP_SYS_PTRACE)) return true;
  const isSameUser = [others.user, others.savedUser, others.realUser].every((user) => user === own.realUser);
  const isSameGroup = [others.group, others.savedGroup, others.realGroup].every((group) => group === own.realGroup);
  return isSameUser && isSameGroup && (others.capabilities.permitted & ~own.capabilities.permitted) === 0n;
}
