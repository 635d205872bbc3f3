/** Commands of bd0 in a process that performs one after another: many of them cost less than a process for each. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { volume } from '../support/volume.js';
import { bd0, type Ran, type RunOptions } from './bd0.js';

/** What the process is to perform. */
export interface Order {
  readonly words: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Files for what it writes. */
  readonly stdout: string;
  readonly stderr: string;
}

const program = fileURLToPath(new URL('./command-server.js', import.meta.url));

/** The process, and where it puts what commands write. */
class CommandServer {
  private readonly directory = mkdtempSync(join(tmpdir(), 'bd0-served-'));
  private readonly stdout = join(this.directory, 'stdout');
  private readonly stderr = join(this.directory, 'stderr');
  private readonly child = fork(program, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  private readonly ended = once(this.child, 'exit');

  constructor() {
    this.hold(false);
    process.once('exit', () => {
      this.child.kill();
      rmSync(this.directory, { recursive: true, force: true });
    });
  }

  async perform(words: readonly string[], { cwd = process.cwd(), env }: RunOptions): Promise<Ran> {
    const { stdout, stderr } = this;
    const order: Order = { words, cwd, env: { ...process.env, ...env }, stdout, stderr };
    this.hold(true);
    this.child.send(order);
    const code = await this.answer(words);
    this.hold(false);
    return { code, signal: null, stdout: readFileSync(stdout, 'utf8'), stderr: readFileSync(stderr, 'utf8') };
  }

  /** The exit code of the command. Throws if the process ends instead. */
  private async answer(words: readonly string[]): Promise<number> {
    const [code] = (await Promise.race([once(this.child, 'message'), this.ended])) as [number];
    if (this.child.connected) return code;
    throw new Error(`bd0 ${words.join(' ')} ended the process that performs it`);
  }

  /** Says whether the child keeps this process from ending. */
  private hold(isHeld: boolean): void {
    const { child } = this;
    if (isHeld) (child.ref(), child.channel?.ref());
    else (child.unref(), child.channel?.unref());
  }
}

let server: CommandServer | undefined;
/** The end of the last command that was asked for. */
let last: Promise<unknown> = Promise.resolve();

/**
 * Performs a command of bd0 to its end as `bd0` does, but in the process of the commands before it. In long runs, and with
 * input, it has a process of its own. For commands that leave standard input and the terminal alone.
 */
export function served(words: readonly string[], options: RunOptions = {}): Promise<Ran> {
  if (options.input !== undefined || volume(0, 1) === 1) return bd0(words, options);
  const ran = last.then(() => (server ??= new CommandServer()).perform(words, options));
  last = ran.catch(() => undefined);
  return ran;
}
