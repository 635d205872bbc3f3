/** The workloads as programs: for Linux, for BD0, and for a machine without an operating system, from the same source. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Failure } from '../failure.js';
import { GuestCompilerError, compileGuest } from '../../host/toolchain/guest-compiler.js';
import { BOCHS_SHARE, BOCHS_WORKLOADS, buildForBochs } from './bochs.js';
import { argumentsAt, type Scale, type Workload } from './workloads.js';

/** The files of guest/lib that ask for nothing but what bench/bare/include/bd0.h declares, as far as workloads need them. */
const LIBRARY = [
  ...[
    'arguments',
    'ctype',
    'decimal',
    'errno',
    'exit',
    'format',
    'format_double',
    'format_hexadecimal',
    'format_parse',
  ],
  ...['heap', 'integer', 'malloc', 'memory', 'real', 'sort', 'sprintf', 'stdout', 'string', 'strtol'],
];

/** Paths; absent where that kind is not wanted, or cannot be. */
export interface Programs {
  readonly native?: string;
  readonly bd0?: string;
  readonly bare?: string;
  /** A configuration of Bochs. */
  readonly bochs?: string;
}

export type Kind = keyof Programs;

/** Compiles workloads into a directory. */
export class ProgramBuilder {
  private bareLibrary: Promise<string[]> | undefined;

  /** `root` is that of the package, with bench/ and guest/. */
  constructor(
    private readonly root: string,
    private readonly directory: string,
    private readonly compiler: string,
  ) {}

  /** Throws Failure with what the compiler said, in one line. */
  async build(workload: Workload, scale: Scale, kinds: ReadonlySet<Kind>): Promise<Programs> {
    const { name, compilerOptions = [], needsKernel = false } = workload;
    const source = this.sourceOf(workload, scale);
    const output = join(this.directory, name);
    try {
      if (kinds.has('native')) {
        await this.compile(['-O2', '-static', ...compilerOptions, source, '-o', `${output}.native`]);
      }
      if (kinds.has('bd0')) await compileGuest({ sources: [source], output, compilerOptions, compiler: this.compiler });
      const bochs = kinds.has('bochs') && BOCHS_WORKLOADS.includes(name) && scale !== 'tiny';
      const bare = (kinds.has('bare') && !needsKernel) || bochs;
      if (bare) await this.compileBare([source, ...(await this.library())], `${output}.bare`, compilerOptions);
      const part = bochs ? argumentsAt(workload, scale * BOCHS_SHARE) : [];
      return {
        ...(kinds.has('native') && { native: `${output}.native` }),
        ...(kinds.has('bd0') && { bd0: output }),
        ...(bare && { bare: `${output}.bare` }),
        ...(bochs && { bochs: await buildForBochs((words) => this.compile(words), this.root, `${output}.bare`, part) }),
      };
    } catch (error) {
      if (!(error instanceof GuestCompilerError)) throw error;
      throw new Failure(`cannot compile the workload ${name}: ${error.message}: ${error.diagnostics.slice(0, 300)}`);
    }
  }

  /** Compiles for Linux as a static program, as natively run workloads are. Throws Failure. */
  async compileForLinux(words: readonly string[]): Promise<void> {
    try {
      await this.compile(['-O2', '-static', ...words]);
    } catch (error) {
      if (!(error instanceof GuestCompilerError)) throw error;
      throw new Failure(`${error.message}: ${error.diagnostics.slice(0, 300)}`);
    }
  }

  private sourceOf({ name, source }: Workload, scale: Scale): string {
    if (typeof source === 'string') return join(this.root, source);
    const path = join(this.directory, `${name}.c`);
    writeFileSync(path, source(scale));
    return path;
  }

  /** Throws GuestCompilerError. */
  private async compile(words: readonly string[]): Promise<void> {
    try {
      await promisify(execFile)(this.compiler, [...words]);
    } catch (error) {
      const said = (error as { stderr?: string }).stderr ?? String(error);
      throw new GuestCompilerError(`${this.compiler} failed (Debian: apt install libc6-dev binutils)`, said);
    }
  }

  private library(): Promise<string[]> {
    this.bareLibrary ??= this.compileLibrary();
    return this.bareLibrary;
  }

  private async compileLibrary(): Promise<string[]> {
    const objects: string[] = [];
    for (const name of LIBRARY) {
      const object = join(this.directory, `${name}.o`);
      await this.compileBare([join(this.root, 'guest/lib', `${name}.c`)], object, ['-c']);
      objects.push(object);
    }
    return objects;
  }

  /** With the guest's own options and library; only what these ask of BD0 is another. */
  private async compileBare(sources: string[], output: string, options: readonly string[]): Promise<void> {
    const bare = join(this.root, 'bench/bare');
    const compilerOptions = [
      ...['-U__bd0__', '-I', join(this.root, 'guest/include'), '-include', join(bare, 'include/bd0.h')],
      // There is one thread, and so one errno.
      ...['-no-pie', '-D__thread=', ...options],
    ];
    await compileGuest({ sources, output, guestDirectory: bare, compilerOptions, compiler: this.compiler });
  }
}
