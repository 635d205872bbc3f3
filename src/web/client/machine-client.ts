import type { Methods } from '../machine/methods.js';
import type { Output, Report, Request, StartOptions, Status, TerminalSize } from '../protocol.js';

/** Events of a MachineClient, by name, with what they tell. */
export interface MachineEvents {
  /** Output follows the first `at` bytes. `shown` must be called for it. */
  readonly output: Output;
  readonly status: Status;
  readonly log: readonly string[];
  /** The machine cannot start, or go on. */
  readonly failed: string;
}

type Listener<Name extends keyof MachineEvents> = (told: MachineEvents[Name]) => void;

interface Call {
  readonly done: (result: unknown) => void;
  readonly refused: (error: Error) => void;
}

/** Starts a worker with a module. */
export type WorkerStarter = (module: URL, name: string) => Worker;

const startWorker: WorkerStarter = (module, name) => new Worker(module, { type: 'module', name });

/** A machine in a worker, as its page sees it. */
export class MachineClient {
  /** The last status; undefined until the machine has started. */
  status: Status | undefined;
  /** Fulfilled when the program is ready to run. */
  readonly started: Promise<void>;
  private readonly worker: Worker;
  private readonly listeners: { [Name in keyof MachineEvents]: Set<Listener<Name>> } = {
    output: new Set(),
    status: new Set(),
    log: new Set(),
    failed: new Set(),
  };
  private readonly calls = new Map<number, Call>();
  private readonly early: Request[] = [];
  private isReady = false;
  private lastCall = 0;
  private startedDone: { readonly done: () => void; readonly failed: (error: Error) => void } | undefined;

  /** Starts a worker, and the machine in it. */
  constructor(options: StartOptions, start: WorkerStarter = startWorker) {
    this.started = new Promise((done, failed) => (this.startedDone = { done, failed }));
    // Whoever does not wait for it hears of a failure by its event.
    this.started.catch(() => {});
    this.worker = start(new URL('./worker.js', import.meta.url), options.name);
    this.worker.onmessage = ({ data }: MessageEvent<Report>) => this.receive(data);
    this.worker.onerror = (event) => this.fail(event.message || 'the worker of the machine cannot be loaded');
    this.send({ kind: 'start', options });
  }

  /** Calls a function for each event. Returns a function that ends that. */
  on<Name extends keyof MachineEvents>(name: Name, listener: Listener<Name>): () => void {
    this.listeners[name].add(listener);
    return () => this.listeners[name].delete(listener);
  }

  /** Types text at the console. */
  type(text: string): void {
    this.send({ kind: 'input', bytes: new TextEncoder().encode(text) });
  }

  /** Says how many rows and columns the terminal has. */
  resize(size: TerminalSize): void {
    this.send({ kind: 'resize', size });
  }

  /** Says that output was shown: a machine whose output is not shown has to wait. */
  shown(bytes: number): void {
    this.send({ kind: 'shown', bytes });
  }

  pause(): void {
    this.send({ kind: 'pause' });
  }

  continue(): void {
    this.send({ kind: 'continue' });
  }

  /** Asks the machine for something. */
  call<Name extends keyof Methods>(
    method: Name,
    argument: Methods[Name]['argument'],
  ): Promise<Methods[Name]['result']> {
    const id = ++this.lastCall;
    const reply = new Promise<unknown>((done, refused) => this.calls.set(id, { done, refused }));
    this.send({ kind: 'call', id, method, argument });
    return reply as Promise<Methods[Name]['result']>;
  }

  /** Ends the machine; its memory is free. */
  close(): void {
    this.worker.terminate();
    this.refuseAll('the machine was closed');
  }

  private send(request: Request): void {
    if (this.isReady) this.worker.postMessage(request);
    else this.early.push(request);
  }

  private receive(report: Report): void {
    switch (report.kind) {
      case 'ready':
        this.isReady = true;
        for (const request of this.early.splice(0)) this.send(request);
        return;
      case 'started':
        return this.startedDone?.done();
      case 'output':
        return this.emit('output', report);
      case 'status':
        this.status = report.status;
        return this.emit('status', report.status);
      case 'log':
        return this.emit('log', report.lines);
      case 'failed':
        return this.fail(report.message);
      default:
        return this.settle(report);
    }
  }

  private settle(report: Extract<Report, { kind: 'reply' | 'refusal' }>): void {
    const call = this.calls.get(report.id);
    this.calls.delete(report.id);
    if (report.kind === 'reply') call?.done(report.result);
    else call?.refused(new Error(report.message));
  }

  private fail(message: string): void {
    this.startedDone?.failed(new Error(message));
    this.refuseAll(message);
    this.emit('failed', message);
  }

  private refuseAll(message: string): void {
    for (const { refused } of this.calls.values()) refused(new Error(message));
    this.calls.clear();
  }

  private emit<Name extends keyof MachineEvents>(name: Name, told: MachineEvents[Name]): void {
    for (const listener of this.listeners[name]) listener(told);
  }
}
