import { outside, schema } from '../../../state/schema.js';
import type { HostMemory } from '../../host-memory.js';
import type { Alarm, Alarms } from '../../tasks/alarms.js';
import type { LinuxProcess } from '../linux-process.js';
import { groupsLinkedBy, isOrphaned, membersOf } from './groups.js';
import type { Ringer, RingingAlarm } from './ringing.js';
import { SIG_IGN } from './signal-actions.js';
import { fromKernel, ofChild } from './signal-info.js';
import { Signal } from './signal.js';
import type { ProcessSignals } from './process-signals.js';
import type { Signals } from './signals.js';

/** What sends signals besides programs: the terminal, timers, and the end of those that look after others. */
export class Jobs implements Ringer {
  /** @internal */
  static readonly state = schema(
    'jobs',
    Jobs,
    {
      processes: outside('described by the system'),
      signals: outside('described by the system'),
      alarms: outside('described by the scheduler'),
      host: outside('parts of the kernel'),
    },
    { isPart: true },
  );

  constructor(
    private readonly processes: ReadonlyMap<number, LinuxProcess>,
    readonly signals: Signals,
    readonly alarms: Alarms,
    private readonly host: { readonly hostMemory: HostMemory; wakeFile(number: number): void },
  ) {}

  wakeFile(number: number): void {
    this.host.wakeFile(number);
  }

  /** Sends a signal to the processes of a group. Returns whether there are any. */
  raise(group: number, signal: number): boolean {
    const members = membersOf(this.processes, group);
    for (const { signals } of members) this.signals.send(signals.process, fromKernel(signal));
    return members.length > 0;
  }

  /** Sends a signal to the leader of a session. */
  raiseForLeader(session: number, signal: number): void {
    const leader = this.processes.get(session);
    if (leader) this.signals.send(leader.signals.process, fromKernel(signal));
  }

  /** Alarms have rung. Returns how many. */
  ring(alarms: readonly Alarm[], now: number): number {
    for (const alarm of alarms) {
      (alarm as RingingAlarm).ring(this, now);
    }
    return alarms.length;
  }

  /** The groups that the end of a process may leave alone. */
  groupsLinkedBy(linux: LinuxProcess): ReadonlySet<number> {
    return groupsLinkedBy(linux);
  }

  /** A process has ended that was a link of some groups with others. */
  ended({ signals }: LinuxProcess, groups: ReadonlySet<number>): void {
    if (signals.realTimer) this.alarms.remove(signals.realTimer);
    this.endTimers(signals);
    for (const group of groups) this.leaveOrphans(group);
  }

  /** The timers that a process has made are gone. */
  endTimers({ timers }: ProcessSignals): void {
    for (const timer of timers.values()) timer.cancel(this.alarms);
    this.host.hostMemory.release('timer', timers.size);
    timers.clear();
  }

  /** Sends the signal of a process that has ended to its parent. Returns whether the parent does not want to wait for it. */
  tellOfEnd({ exitSignal, family, pid }: LinuxProcess, parent: LinuxProcess): boolean {
    const { actions, process } = parent.signals;
    const isForgotten = exitSignal === Signal.SIGCHLD && actions.ignoresChildren;
    // A parent that ignores it does not get it, even where its tracer would see it.
    const isUnwanted = exitSignal === Signal.SIGCHLD && actions.of(exitSignal).handler === SIG_IGN;
    if (exitSignal !== 0 && !isUnwanted) this.signals.send(process, ofChild(exitSignal, pid, family.status!));
    return isForgotten;
  }

  /** An orphaned group gets SIGHUP and SIGCONT where all threads of a member have stopped. kernel/exit.c "has_stopped_jobs" */
  private leaveOrphans(group: number): void {
    const members = membersOf(this.processes, group);
    const hasStopped = members.some(({ signals }) => signals.stoppedBy !== 0 && !signals.isStopping);
    if (!hasStopped || !isOrphaned(this.processes, group)) return;
    for (const { signals } of members)
      for (const signal of [Signal.SIGHUP, Signal.SIGCONT]) this.signals.send(signals.process, fromKernel(signal));
  }
}
