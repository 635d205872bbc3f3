import { CommandError } from './command-error.js';
import { countOf, expectNone, type Command } from './command.js';
import {
  backward,
  backwardFinish,
  backwardLine,
  backwardOver,
  forward,
  repeated,
  untilBehind,
  type Course,
} from './courses.js';
import { placesOf } from './places/locations.js';
import type { DebugSession } from './session.js';
import type { Motion } from '../debugger/debugger.js';

/** A command that makes a course of the selected thread as often as its argument says. */
function moving(usage: string, alias: string, summary: string, make: (session: DebugSession) => Course): Command {
  return {
    usage,
    aliases: [alias],
    summary,
    run: (session, rest) => session.start(repeated(countOf(session, rest), () => make(session))),
  };
}

function motionOf(make: (session: DebugSession, tid: number) => Motion): (session: DebugSession) => Course {
  return (session) => forward(session, make(session, session.thread.tid));
}

/** As `motionOf`, for source lines: where there are none, what a motion by lines does is said. */
function lineMotionOf(make: (session: DebugSession, tid: number) => Motion): (session: DebugSession) => Course {
  const motion = motionOf(make);
  return (session) => {
    sayWhereNoLines(session);
    return motion(session);
  };
}

/** Without lines, a function is run to its end. Throws CommandError where its end is not known. */
function sayWhereNoLines({ images, thread, target, options }: DebugSession): void {
  const rip = target.readRegisters(thread.tid).rip;
  if (images.line(rip)) return;
  const name = images.symbols(rip)?.name;
  if (name === undefined)
    throw new CommandError('there is neither a source line nor a function here: stepi or finish go on from here');
  options.print(`${name} has no source lines: running until it has returned`);
}

function courseOf(make: (session: DebugSession, tid: number) => Course): (session: DebugSession) => Course {
  return (session) => make(session, session.thread.tid);
}

/** Commands that let the machine run. */
export const RUN_COMMANDS: readonly Command[] = [
  {
    usage: 'continue',
    aliases: ['c'],
    summary: 'run until a breakpoint, a trap or the end',
    run: (session, rest) => {
      expectNone('continue', rest);
      session.start(forward(session, requireThread(session).target.continue()));
    },
  },
  moving(
    'step [COUNT]',
    's',
    'run to another source line, in a called function as well',
    lineMotionOf(({ target, images }, tid) => target.stepLine(tid, images.line)),
  ),
  moving(
    'next [COUNT]',
    'n',
    'as step, over calls',
    lineMotionOf(({ target, images }, tid) => target.nextLine(tid, images.line)),
  ),
  moving(
    'stepi [COUNT]',
    'si',
    'execute one instruction',
    motionOf(({ target }, tid) => target.step(tid)),
  ),
  moving(
    'nexti [COUNT]',
    'ni',
    'execute one instruction, or a whole call',
    motionOf(({ target }, tid) => target.stepOver(tid)),
  ),
  {
    usage: 'finish',
    aliases: ['fin'],
    summary: 'run until the function has returned',
    run: (session, rest) => {
      expectNone('finish', rest);
      const { tid } = session.thread;
      session.start(finishing(session, tid));
    },
  },
  {
    usage: 'until [LOCATION]',
    aliases: ['u'],
    summary: 'run up to a location in this frame; without one, as next, but past the end of a loop',
    run: (session, rest) => {
      const { tid } = session.thread;
      if (rest === '') return session.start(untilBehind(session, tid));
      session.start(forward(session, session.target.until(tid, placesOf(session, rest)[0]!.address)));
    },
  },
  {
    usage: 'advance LOCATION',
    summary: 'run this thread up to a location, in any frame',
    run: (session, rest) => {
      const { tid } = session.thread;
      if (rest === '') throw new CommandError('advance needs a location');
      session.start(forward(session, session.target.runTo(tid, placesOf(session, rest)[0]!.address)));
    },
  },
];

/** Commands that go back in time. */
export const REVERSE_COMMANDS: readonly Command[] = [
  {
    usage: 'reverse-continue',
    aliases: ['rc'],
    summary: 'go back to the last breakpoint or watchpoint before now',
    run: (session, rest) => {
      expectNone('reverse-continue', rest);
      session.start(backward(session));
    },
  },
  moving(
    'reverse-step [COUNT]',
    'rs',
    'go back to the start of the line before, in a called function as well',
    courseOf((session, tid) => backwardLine(session, tid, true)),
  ),
  moving(
    'reverse-next [COUNT]',
    'rn',
    'as reverse-step, over calls',
    courseOf((session, tid) => backwardLine(session, tid, false)),
  ),
  moving('reverse-stepi [COUNT]', 'rsi', 'go back by one instruction', courseOf(backward)),
  moving('reverse-nexti [COUNT]', 'rni', 'go back by one instruction, or a whole call', courseOf(backwardOver)),
  {
    usage: 'reverse-finish',
    aliases: ['rfin'],
    summary: 'go back to the call of the function',
    run: (session, rest) => {
      expectNone('reverse-finish', rest);
      session.start(backwardFinish(session, session.thread.tid));
    },
  },
];

function requireThread(session: DebugSession): DebugSession {
  // Throws if no thread is left.
  session.thread;
  return session;
}

/** `finish`, and the value that the function has returned. */
function* finishing(session: DebugSession, tid: number): Course {
  const reason = yield* forward(session, session.target.finish(tid));
  if (reason.kind === 'stepped') session.options.print(`rax is ${session.valueText('$rax', tid)}`);
  return reason;
}
