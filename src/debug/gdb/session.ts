import type { DebugTarget } from '../target.js';
import { Execution, type SessionSlice } from './execution.js';
import { MonitorCommands, type MonitorCommand } from './monitor/monitor.js';
import { MonitorRun } from './monitor/monitor-run.js';
import { PORT_COMMANDS } from './monitor/port-commands.js';
import { PacketLink } from './packet-link.js';
import { FILE_PACKETS } from './packets/file-packets.js';
import { LLDB_PACKETS } from './packets/lldb-packets.js';
import { MEMORY_PACKETS } from './packets/memory-packets.js';
import { OBJECT_PACKETS } from './packets/object-packets.js';
import { PACKET_BYTES_MAX, type PacketContext, type PacketTable } from './packets/packet-handler.js';
import { QUERY_PACKETS } from './packets/query-packets.js';
import { REGISTER_PACKETS } from './packets/register-packets.js';
import { RUN_PACKETS } from './packets/run-packets.js';
import { ERROR, OK, UNSUPPORTED } from './replies.js';
import { SessionState } from './session-state.js';
import { outputPacket } from './stop-replies.js';

const PACKETS: PacketTable = {
  ...QUERY_PACKETS,
  ...RUN_PACKETS,
  ...REGISTER_PACKETS,
  ...MEMORY_PACKETS,
  ...OBJECT_PACKETS,
  ...FILE_PACKETS,
  ...LLDB_PACKETS,
};

/** A word or a letter; hexadecimal digits follow two of the words without anything between. */
const NAME = /^(?:qRegisterInfo|qThreadStopInfo|[vqQj][A-Za-z]+\??|b[cs]$|[^]?)/;

/** Bytes of text in a packet that shows it to the user. */
const OUTPUT_CHARACTERS_MAX = 4096;

export interface GdbSessionOptions {
  /** The process that was started first: the debugger's program, whose end ends the session. */
  readonly programPid: number;
  /** Sends bytes to the debugger. */
  readonly write: (bytes: Uint8Array) => void;
  /** Commands after `monitor`, in addition to those that need only the target. */
  readonly monitorCommands?: readonly MonitorCommand[];
}

/**
 * A session of gdb or lldb with a machine, over any stream of bytes in both directions: gdb's remote protocol. The machine
 * is stopped when the session begins; the host calls `runSlice` again and again, and hands over what the debugger sends in
 * between.
 */
export class GdbSession {
  private readonly link: PacketLink;
  private readonly state: SessionState;
  private readonly execution: Execution;
  private readonly monitorRun: MonitorRun;
  private readonly context: PacketContext;
  private isDetaching = false;
  private hasEnded = false;

  constructor(target: DebugTarget, { programPid, write, monitorCommands = [] }: GdbSessionOptions) {
    this.state = new SessionState(target, programPid, new MonitorCommands([...PORT_COMMANDS, ...monitorCommands]));
    this.link = new PacketLink(
      write,
      {
        onPacket: (payload) => this.take(payload),
        onLongPacket: () => this.link.send(ERROR.tooLong),
        onInterrupt: () => {
          if (this.monitorRun.isRunning) this.monitorRun.interrupt();
          else this.execution.interrupt();
        },
      },
      PACKET_BYTES_MAX,
    );
    const send = (payload: string): void => this.link.send(payload);
    this.execution = new Execution(this.state, send);
    const show = (lines: readonly string[]): void => this.show(lines);
    this.monitorRun = new MonitorRun(
      show,
      () => send(OK),
      () => target.ticks,
    );
    this.context = {
      state: this.state,
      execution: this.execution,
      monitorRun: this.monitorRun,
      show,
      stopAcknowledging: () => this.link.stopAcknowledging(),
      detach: () => {
        this.isDetaching = true;
      },
    };
  }

  /** The debugger has detached, or the session was closed. The machine then runs without it. */
  get isOver(): boolean {
    return this.hasEnded;
  }

  /** Whether `runSlice` has something to do: the machine runs, or its past is searched. */
  get isRunning(): boolean {
    return this.execution.isRunning || this.monitorRun.isRunning;
  }

  /** Whether the machine runs on, and not back. */
  get isGoingOn(): boolean {
    return this.execution.isGoingOn;
  }

  /** Takes bytes from the debugger, and replies. */
  receive(bytes: Uint8Array): void {
    if (!this.hasEnded) this.link.receive(bytes);
  }

  /** Runs the machine for at most `maxTicks` ticks, if the debugger lets it run. */
  runSlice(maxTicks: number): SessionSlice {
    if (!this.monitorRun.isRunning) return this.execution.runSlice(maxTicks);
    this.monitorRun.advance();
    return { kind: this.monitorRun.isRunning ? 'running' : 'stopped' };
  }

  /** Ends the session, for a debugger that has gone: its stops are removed. */
  close(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.monitorRun.cancel();
    this.execution.halt();
    this.state.stops.removeAll();
    this.state.libraryStops.removeAll();
  }

  private take(payload: string): void {
    if (this.hasEnded) return;
    // The debugger's user has typed Ctrl-C, and then something else.
    this.monitorRun.cancel();
    const reply = this.replyTo(payload);
    if (reply !== undefined) this.link.send(reply);
    if (this.isDetaching) this.close();
  }

  private show(lines: readonly string[]): void {
    const text = lines.map((line) => `${line}\n`).join('');
    for (let at = 0; at < text.length; at += OUTPUT_CHARACTERS_MAX)
      this.link.send(outputPacket(text.slice(at, at + OUTPUT_CHARACTERS_MAX)));
  }

  private replyTo(payload: string): string | undefined {
    const name = NAME.exec(payload)![0];
    const handle = Object.hasOwn(PACKETS, name) ? PACKETS[name]! : undefined;
    const rest = payload.slice(name.length);
    return handle ? handle(this.context, name.length > 1 ? rest.replace(/^[:;,]/, '') : rest) : UNSUPPORTED;
  }
}
