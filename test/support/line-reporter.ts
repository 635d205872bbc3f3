/**
 * What `npm test` prints: a line for each test file as it ends, the failed tests of it, and the counts of all. A terminal is
 * not needed, and nothing waits for the end of the run.
 */
import { Transform, type TransformCallback } from 'node:stream';
import { endWhenInterrupted } from './interrupted-run.js';

/** A file's result in the output of tap's runner: not indented, with the file's name. */
const FILE_RESULT = /^(ok|not ok) \d+ - (?:dist\/)?(\S+?)(?:\.js)?(?: # (.*?))?(?: \{)?$/;
/** Any test point within a file. */
const TEST_POINT = /^\s+(not )?ok\b/;
/** What stands between test points and tells nothing of its own. */
const FRAME = /^\s*(# Subtest|1\.\.\d+|# time=|TAP version|\}?$)/;

export default class LineReporter extends Transform {
  private rest = '';
  private passed = 0;
  /** Lines about failed tests, and comments, of the file that is being read. */
  private told: string[] = [];
  private isFailed = false;
  /** What follows is about test files that did not run, or were ended. */
  private isInterrupted = false;

  constructor() {
    super();
    endWhenInterrupted(() => {
      this.push('interrupted\n');
      this.isInterrupted = true;
    });
  }

  override _transform(chunk: Buffer | string, _encoding: BufferEncoding, done: TransformCallback): void {
    const lines = (this.rest + chunk.toString()).split('\n');
    this.rest = lines.pop()!;
    if (!this.isInterrupted) for (const line of lines) this.takeLine(line);
    done();
  }

  override _flush(done: TransformCallback): void {
    if (!this.isInterrupted) this.takeLine(this.rest);
    done();
  }

  private takeLine(line: string): void {
    const file = FILE_RESULT.exec(line);
    if (file) return this.fileEnded(file[1] === 'ok', file[2]!, file[3]);
    const point = TEST_POINT.exec(line);
    if (point) {
      this.isFailed = point[1] !== undefined;
      if (this.isFailed) this.told.push(line);
      else this.passed++;
      return;
    }
    if (line.startsWith('# {') || line.startsWith('Bail out!')) this.push(`${line}\n`);
    else if (this.isFailed || /^\s+# (?!Subtest|time=|\{)/.test(line)) if (!FRAME.test(line)) this.told.push(line);
  }

  private fileEnded(ok: boolean, name: string, remark = ''): void {
    const seconds = /time=([\d.]+)ms/.exec(remark);
    const time = seconds ? `${(Number(seconds[1]) / 1000).toFixed(1)} s` : remark;
    this.push(`${ok ? 'ok    ' : 'FAILED'} ${name}  ${this.passed} passed, ${time}\n`);
    for (const line of this.told) this.push(`${line}\n`);
    this.passed = 0;
    this.told = [];
    this.isFailed = false;
  }
}
