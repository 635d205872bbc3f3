import { readdirSync, readFileSync } from 'node:fs';

/** Looks in a row for which a group must have been idle. */
const LOOKS = 60;
/** Clock ticks of the processor, 10 ms each, that idle processes may use per look. */
const TICKS_PER_LOOK = 1;

/** The fields of /proc/PID/stat behind the name: state, then numbers from field 4 on. See proc(5). */
function statOf(path: string): { state: string; field: (number: number) => number } | undefined {
  try {
    const text = readFileSync(path, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0]!, field: (number) => Number(fields[number - 3]) };
  } catch {
    return undefined;
  }
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

/**
 * The processes of a group, and whether they still do something. A thread that waits for the processor or for a disk is at
 * work, so that a busy machine makes nothing look idle.
 */
export class ProcessGroup {
  private looks = 0;
  private ticksBefore = 0;
  private ticksNow = 0;

  constructor(private readonly id: number) {}

  /** Looks at the processes. Returns true if all of them have been idle for many calls in a row; `starts` begins to count. */
  isIdle(starts: boolean): boolean {
    const { ticks, isAtWork } = this.look();
    this.ticksNow = ticks;
    if (starts || isAtWork) this.looks = 0;
    if (this.looks === 0) this.ticksBefore = ticks;
    if (this.looks++ < LOOKS) return false;
    this.looks = 0;
    return ticks - this.ticksBefore <= LOOKS * TICKS_PER_LOOK;
  }

  /** CPU seconds that its processes had used at the last look. */
  get cpuSeconds(): number {
    return this.ticksNow / 100;
  }

  private look(): { ticks: number; isAtWork: boolean } {
    let ticks = 0;
    let isAtWork = false;
    for (const pid of entriesOf('/proc')) {
      const process = statOf(`/proc/${pid}/stat`);
      if (process?.field(5) !== this.id) continue;
      ticks += process.field(14) + process.field(15);
      for (const thread of entriesOf(`/proc/${pid}/task`))
        isAtWork ||= /[RD]/.test(statOf(`/proc/${pid}/task/${thread}/stat`)?.state ?? '');
    }
    return { ticks, isAtWork };
  }
}
