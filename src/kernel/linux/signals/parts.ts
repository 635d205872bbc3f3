import type { LinuxProcess } from '../linux-process.js';
import type { HostMemory } from '../../host-memory.js';
import { Tracing, type TracingHost } from '../tracing/tracing.js';
import { SignalDelivery, type DeliveryHost } from './delivery.js';
import { Jobs } from './jobs.js';
import { Signals, type SignalsHost } from './signals.js';

/** What signals need of the kernel, from where they are sent to where they are delivered. */
export type SignalPartsHost = Omit<SignalsHost, 'wakeFile' | 'wakeTraced'> &
  Omit<DeliveryHost, 'signals' | 'tracing'> &
  Pick<TracingHost, 'suspend' | 'withRegisters'> & { readonly hostMemory: HostMemory };

/** What sends signals, delivers them, and stops threads before that. */
export interface SignalParts {
  readonly signals: Signals;
  readonly tracing: Tracing;
  readonly delivery: SignalDelivery;
  readonly jobs: Jobs;
}

export function makeSignalParts(
  host: SignalPartsHost,
  processes: ReadonlyMap<number, LinuxProcess>,
  system: Pick<SignalsHost, 'wakeFile'> & Pick<TracingHost, 'tellParent'>,
): SignalParts {
  const { hostMemory } = host;
  const { wakeFile, tellParent } = system;
  const wakeTraced: SignalsHost['wakeTraced'] = ({ threads }, signal) => tracing.signalled(threads, signal);
  const signals = new Signals({ ...host, wakeFile, wakeTraced }, processes);
  const tracing = new Tracing({ ...host, signals, tellParent });
  const delivery = new SignalDelivery({ ...host, signals, tracing });
  const jobs = new Jobs(processes, signals, host.scheduler.alarms, { hostMemory, wakeFile });
  return { signals, tracing, delivery, jobs };
}
