import type { Debugger } from '../debugger/debugger.js';
import type { SessionSlice } from '../gdb/execution.js';
import { addressText } from '../reports/address-text.js';
import { processText } from '../reports/machine-text.js';
import type { Steps } from '../../vmo/steps.js';
import type { DebugThread, StopReason } from '../target.js';
import { breakpointName, Breakpoints, type Breakpoint } from './places/breakpoints.js';
import { CommandError } from './command-error.js';
import { findCommand } from './command-table.js';
import type { Course, CourseTools } from './courses.js';
import { checkExpression, evaluate, type ExpressionScope } from './expression.js';
import { framesOf, type Frame } from './frames.js';
import { LatePlaces } from './places/late-places.js';
import { isName } from './places/locations.js';
import { disassemble, numberedLine, placeText, type SourceReader } from './place-text.js';
import { ProcessImages } from './places/process-images.js';
import { reasonText } from './reason-text.js';
import { placesText } from './stop-commands.js';
import { scalarNamed } from './register-names.js';
import { bytesText, changedText, plainNumberText, USUAL_FORMAT, type Format } from './value-text.js';

/** What a session needs from its front end. */
export interface DebugSessionOptions {
  /** The process whose end is the end of the program. */
  readonly programPid: number;
  /** Shows lines of text. */
  readonly print: (...lines: readonly string[]) => void;
  /** Reads the source files that images name. Default: there are none. */
  readonly readSource?: SourceReader;
  /** Types text at the console of the guest. Default: there is no such console. */
  readonly typeInput?: (text: string) => void;
  /** Called when something has stopped the machine. Default: nothing is called. */
  readonly onStop?: (reason: StopReason) => void;
}

/** The place of which more is shown by `list` without an argument. */
export interface ListPlace {
  readonly path: string;
  /** The next line to show. */
  readonly line: number;
}

/** What was examined last. */
export interface Examined {
  /** Undefined if nothing was. */
  readonly start: bigint | undefined;
  readonly next: bigint;
  readonly format: Format;
}

const STOPPED: SessionSlice = { kind: 'stopped' };
const RUNNING: SessionSlice = { kind: 'running' };

/** A debugging session by commands, such as `break main`: what `bd0 debug` shows, without its terminal. */
export class DebugSession implements CourseTools {
  readonly allImages: ProcessImages;
  readonly breakpoints: Breakpoints;
  readonly late: LatePlaces;
  /** The exit code of the program, while it is at its end. */
  exitCode: number | undefined;
  /** `quit` was executed. */
  isOver = false;
  /** Where `list` continues; undefined: at the selected frame. */
  listPlace: ListPlace | undefined;
  /** The frame that commands are about: 0 is the innermost. */
  frameNumber = 0;
  /** Where `x` without an address continues, and how. */
  examined: Examined = { start: undefined, next: 0n, format: USUAL_FORMAT };
  maxTicks = 0;
  private selected: number | undefined;
  private course: Course | undefined;
  /** A command about the past that has not ended; it leaves the lines to show. */
  private query: Steps<readonly string[]> | undefined;
  /** The tick at which the last course began. */
  private startTick = 0;

  constructor(
    readonly target: Debugger,
    readonly options: DebugSessionOptions,
  ) {
    this.allImages = ProcessImages.of(target);
    this.breakpoints = new Breakpoints(target);
    this.late = new LatePlaces(target, this.allImages, (pid) => {
      this.allImages.refresh();
      this.resolveAgain(pid);
    });
    target.filter = (reason) => this.isReported(reason);
  }

  /** Whether the machine is to run: a command has not ended. */
  get isRunning(): boolean {
    return this.course !== undefined || this.query !== undefined;
  }

  /** Executes a command line. What is wrong with it is printed. */
  execute(line: string): void {
    const words = line.trim();
    if (words === '' || words.startsWith('#')) return;
    try {
      const { command, rest } = findCommand(words);
      this.options.print(...(command.run(this, rest) ?? []));
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      this.options.print(`error: ${error.message}`);
    }
  }

  /** Runs the machine for at most `maxTicks` ticks, or a while, if a command lets it run. What is wrong with that is printed. */
  runSlice(maxTicks: number): SessionSlice {
    try {
      return this.advance(maxTicks);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      this.course = undefined;
      this.query = undefined;
      this.target.cancel();
      this.options.print(`error: ${error.message}`);
      return STOPPED;
    }
  }

  private advance(maxTicks: number): SessionSlice {
    if (this.query) return this.advanceQuery(this.query);
    if (!this.course) return STOPPED;
    this.maxTicks = maxTicks;
    const { done, value } = this.course.next();
    if (done) return this.stop(value);
    if (!value) return RUNNING;
    const isDeadlock = !value.forInput && value.until === Infinity;
    return isDeadlock ? this.stop(value) : value;
  }

  /** Lets the machine run from the next slice on. Throws CommandError if there is nothing to run. */
  start(course: Course): void {
    this.startTick = this.target.ticks;
    this.course = course;
  }

  /** Does the work of a command from the next slice on. */
  ask(query: Steps<readonly string[]>): void {
    this.query = query;
  }

  private advanceQuery(query: Steps<readonly string[]>): SessionSlice {
    const { done, value } = query.next();
    if (!done) return RUNNING;
    this.query = undefined;
    this.options.print(...value);
    return STOPPED;
  }

  /** Stops the machine where it is, or where it was before it looked at its past. */
  interrupt(why = 'interrupted'): void {
    if (!this.isRunning) return;
    this.course?.return({ kind: 'history-end' });
    this.query?.return([]);
    this.course = undefined;
    this.query = undefined;
    this.target.cancel();
    const [where, ...lines] = this.placeLines();
    this.options.print(`${why}, ${where}`, ...lines);
  }

  /** Where the machine is, at the beginning, or after it was put elsewhere. */
  placeLines(): string[] {
    this.arrive();
    this.target.noteReported(this.target.threads.length > 0 ? this.thread.tid : undefined);
    return [this.whereText(), ...this.currentLine()];
  }

  /** The selected thread, if it lives; else the first one. Throws CommandError if there is none. */
  get thread(): DebugThread {
    const { target } = this;
    const chosen = this.selected === undefined ? undefined : target.findThread(this.selected);
    const thread = chosen ?? target.threads[0];
    if (!thread) throw new CommandError('the program has ended: reverse-continue or goto lead back into it');
    return thread;
  }

  set thread({ tid }: DebugThread) {
    this.selected = tid;
    this.frameNumber = 0;
    this.listPlace = undefined;
  }

  frames(tid: number): readonly Frame[] {
    const thread = this.target.findThread(tid)!;
    return framesOf(this.target, this.allImages.seenBy(thread.pid), thread);
  }

  /** The process that addresses are addresses of: that of the selected thread; undefined if no thread is left. */
  get pid(): number | undefined {
    return this.target.threads.length > 0 ? this.thread.pid : undefined;
  }

  /** Symbols and lines as the selected process sees them. */
  get images(): ProcessImages {
    return this.allImages.seenBy(this.pid);
  }

  /** The selected frame of the selected thread. */
  get frame(): Frame {
    const frames = this.frames(this.thread.tid);
    return frames[Math.min(this.frameNumber, frames.length - 1)]!;
  }

  /** The value of an expression. Throws CommandError. */
  value(text: string): bigint {
    return evaluate(
      text,
      this.scope(() => this.thread.tid),
    );
  }

  /** Throws CommandError for a condition that is malformed, or has names that are not known. */
  checkCondition(text: string | undefined): void {
    const scope = this.scope(() => this.thread.tid);
    if (text !== undefined) checkExpression(text, scope);
  }

  /** The value of an expression in words: `0x2a (42)`, `0x401000 <main>`. */
  valueText(text: string, tid = this.thread.tid): string {
    const value = evaluate(
      text,
      this.scope(() => tid),
    );
    const symbol = this.images.symbolText(value);
    return symbol === undefined ? plainNumberText(value) : addressText(value, this.images.symbols);
  }

  /** `thread 1, tick 5121: 0x0000000100001012 in main+0x12, main.c:7`. */
  whereText(): string {
    const { target, images } = this;
    if (target.threads.length === 0) return `tick ${target.ticks}: no thread is left`;
    const { tid } = this.thread;
    return `thread ${tid}, tick ${target.ticks}: ${placeText(images, target.readRegisters(tid).rip)}`;
  }

  /** The source line of the current instruction, or the instruction if there is none. */
  currentLine(): string[] {
    const { target, images } = this;
    if (target.threads.length === 0) return [];
    const { rip } = target.readRegisters(this.thread.tid);
    const line = images.line(rip);
    const text = line && this.options.readSource?.(line.path)?.[line.line - 1];
    if (line && text !== undefined) return [numberedLine(line.line, text)];
    return disassemble(this, rip, 1).map((code) => code.text);
  }

  /** Finds the places of breakpoints in a process that has started, begun another program, or other libraries than before. */
  private resolveAgain(pid: number): void {
    for (const breakpoint of this.breakpoints.all) {
      if (breakpoint.kind !== 'code' || !isName(breakpoint.text)) continue;
      const wasPending = breakpoint.places.length === 0;
      const found = this.codePlaces(breakpoint.text).filter((place) => place.pid === pid);
      this.breakpoints.movePlacesIn(breakpoint, pid, found);
      if (wasPending && breakpoint.places.length > 0)
        this.options.print(`${breakpointName(breakpoint)} at ${placesText(this, breakpoint)}`);
    }
    this.waitForPlaces();
  }

  /** Breakpoints on names may get further places. Must be called after one was added, or the machine was put elsewhere. */
  waitForPlaces(): void {
    const named = this.breakpoints.all.filter(({ kind, text }) => kind === 'code' && isName(text));
    this.late.waitFor(named.map(({ text }) => text));
  }

  /** The places in the code that a name or a line stands for: `main`, `main.c:7`, `7`. None if it is unknown. */
  codePlaces(text: string): { readonly pid: number; readonly address: bigint }[] {
    const { images } = this;
    const line = /^(?:(.+):)?(\d+)$/.exec(text);
    if (line) return images.codeOfLine(line[1] ?? this.currentFile(), Number(line[2]));
    const found = images.find(text, this.pid);
    if (found.length === 0) return this.late.chosen(text);
    return found.map((symbol) => ({ pid: symbol.pid, address: images.behindPrologue(symbol) }));
  }

  /** The path of the source file of the selected frame. Throws CommandError if it is not known. */
  currentFile(): string {
    const path = this.listPlace?.path ?? this.images.line(this.frame.rip)?.path;
    if (path === undefined) throw new CommandError('no source file is known here: write FILE:LINE');
    return path;
  }

  private scope(tidOf: () => number): ExpressionScope {
    const { target, images } = this;
    return {
      register: (name) => {
        const known = scalarNamed(name);
        return known === undefined ? undefined : target.readRegisters(tidOf())[known];
      },
      symbol: (name) => {
        return images.find(name, this.pid)[0]?.start;
      },
      load: (address, lengthBytes) => {
        const bytes = target.readMemory(address, lengthBytes, target.findThread(tidOf())?.pid);
        if (bytes.length < lengthBytes) throw new CommandError(`0x${address.toString(16)} is not mapped`);
        return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
      },
    };
  }

  /** Called for everything that happens: notes it, and decides whether it stops the machine. */
  private isReported(reason: StopReason): boolean {
    const { print, programPid } = this.options;
    if (reason.kind === 'breakpoint' || reason.kind === 'watchpoint') {
      const breakpoint = this.breakpoints.of(reason.stop);
      return !breakpoint || this.counts(breakpoint, reason.tid);
    }
    if (reason.kind === 'started') {
      this.allImages.refresh();
      this.resolveAgain(reason.pid);
      const process = this.target.processes.find(({ pid }) => pid === reason.pid);
      if (process) print(`${processText(process, process.name)} has started`);
      return false;
    }
    if (reason.kind !== 'exited' || reason.pid === programPid) return true;
    print(`${processText({ linuxPid: undefined, ...reason })} has ended with exit code ${reason.exitCode}`);
    return false;
  }

  /** Whether a hit of a breakpoint counts: its condition holds, or is wrong. */
  private counts(breakpoint: Breakpoint, tid: number): boolean {
    if (!this.isTrue(breakpoint, tid)) return false;
    breakpoint.hits++;
    return true;
  }

  /** Whether the condition of the breakpoint that was reached is true, or there is none. */
  holds(reason: StopReason): boolean {
    if (reason.kind !== 'breakpoint') return true;
    const breakpoint = this.breakpoints.of(reason.stop);
    return !breakpoint || this.isTrue(breakpoint, reason.tid);
  }

  private isTrue(breakpoint: Breakpoint, tid: number): boolean {
    const { condition } = breakpoint;
    try {
      return (
        condition === undefined ||
        evaluate(
          condition,
          this.scope(() => tid),
        ) !== 0n
      );
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      this.options.print(`error in the condition of ${breakpointName(breakpoint)}: ${error.message}`);
      return true;
    }
  }

  private stop(reason: StopReason): SessionSlice {
    this.course = undefined;
    this.arrive();
    if ('tid' in reason && this.target.findThread(reason.tid)) this.selected = reason.tid;
    this.exitCode = reason.kind === 'exited' ? reason.exitCode : undefined;
    const { print, onStop } = this.options;
    print(...reasonText(this, reason));
    onStop?.(reason);
    if (reason.kind === 'breakpoint' || reason.kind === 'watchpoint') {
      const breakpoint = this.breakpoints.of(reason.stop);
      if (breakpoint && reason.kind === 'watchpoint') {
        const now = this.breakpoints.bytesOf(breakpoint);
        // Going back ends before the access.
        const isBack = this.target.ticks < this.startTick;
        print(...(isBack ? [`  value before it ${bytesText(now)}`] : changedText(breakpoint.value, now)));
        this.breakpoints.noteValue(breakpoint);
      }
      if (breakpoint?.isTemporary) this.breakpoints.remove(breakpoint.number);
    }
    if (reason.kind !== 'exited') print(...this.currentLine());
    return STOPPED;
  }

  /** The machine stands somewhere else. */
  private arrive(): void {
    this.exitCode = undefined;
    this.frameNumber = 0;
    this.listPlace = undefined;
    this.allImages.refresh();
    this.waitForPlaces();
  }
}
