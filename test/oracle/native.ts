/**
 * The native oracle: executes one instruction on the host's own CPU from a given state and returns the state after it.
 *
 * A C program (harness.c, step.c) does the work; gcc compiles it when the oracle is created. It shows a CPU at CPL 3 under
 * Linux, so CS and SS are Linux's user selectors, IF is set, IOPL is 0, and:
 *
 * - A stepped instruction runs with TF set, hidden from its results; only POPF and IRET show the TF they loaded.
 * - RF is always clear in the result.
 * - #PF on an address of the kernel's half has P clear in the error code, as for a page that is not mapped.
 * - An instruction that reaches Linux or the hypervisor is refused (refusals.ts).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hex } from '../../src/bits.js';
import { checkCase, describeBytes, type Oracle, type OracleCase, type OracleResult } from './case.js';
import { decodeHello, type HostCpu } from './host.js';
import { C_CONSTANTS, HARNESS, HELLO_BYTES } from './layout.js';
import { decodeResponse, encodeRequests, OUTCOME, outcomeAt, responseBytes } from './records.js';

/** Why tests that need the oracle are skipped where `available()` is false. */
export const NOT_AVAILABLE = 'the native oracle is not available: it needs Linux on x86-64';

/** Cases that one process of the harness gets. */
const CASES_PER_PROCESS = 16384;

/** `enum exit_status` of linux.h. */
const EXIT_STATUS: Record<number, string> = {
  10: 'its input ends within a case',
  11: 'its output is closed',
  12: 'it cannot map its memory at the fixed addresses',
  13: 'it cannot catch signals',
  14: 'the harness itself has faulted',
  15: 'an instruction has not ended within the CPU time that the oracle allows it',
};

/** Of the harness; the headers lie beside them. */
const SOURCES = ['harness.c', 'step.c'];

/** The folder of the C sources: beside the source of this file, which may have been compiled to another folder. */
function sourceFolder(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    const candidate = join(folder, 'test', 'oracle');
    if (existsSync(join(candidate, SOURCES[0]!))) return candidate;
    if (folder === dirname(folder)) throw new Error(`no test/oracle/${SOURCES[0]} above ${start}`);
  }
}

/** No C library and no use of fs and gs, whose bases belong to the cases; rip-relative code, as it is linked far up. */
const COMPILER_FLAGS = [
  '-std=gnu11 -O2 -ffreestanding -nostdlib -static -fPIE -no-pie -fno-stack-protector -fcf-protection=none',
  '-fno-tree-loop-distribute-patterns -Wl,-z,noexecstack',
].flatMap((flags) => flags.split(' '));

const PACKAGES = 'Debian: apt install gcc linux-libc-dev';

function compile(executable: string): void {
  const folder = sourceFolder();
  const constants = Object.entries(C_CONSTANTS).map(([name, value]) => `-D${name}=${hex(value)}`);
  const sources = SOURCES.map((name) => join(folder, name));
  const placement = `-Wl,-Ttext-segment=${hex(HARNESS)}`;
  const { error, status, stderr } = spawnSync(
    'gcc',
    [...COMPILER_FLAGS, placement, ...constants, ...sources, '-o', executable],
    { encoding: 'utf8' },
  );
  if (error) throw new Error(`the native oracle needs gcc (${PACKAGES}): ${error.message}`);
  if (status !== 0) throw new Error(`gcc cannot compile the native oracle (${PACKAGES}):\n${stderr}`);
}

export interface NativeOracleOptions {
  /** Sets FS and GS bases with arch_prctl even where WRFSBASE is available, as on a Linux without FSGSBASE. */
  readonly withoutFsgsbase?: boolean;
  /**
   * Quarters of a second of CPU time that one instruction may take. By default 40: a hypervisor that meters split locks can
   * hold one up for a second and more, and Linux counts this as time of the instruction.
   */
  readonly patience?: number;
}

/** Time that `ends` allows a case, in milliseconds of the clock: a busy host may exceed it, which costs one kind of case. */
const ENDS_WITHIN_MS = 500;

/** The kernel of the host has killed the harness: some hypervisors make it fail at what an unprivileged instruction does. */
export class KilledError extends Error {}

/** Executes instructions on the host's CPU. Close it after use. */
export class NativeOracle implements Oracle {
  readonly host: HostCpu;
  readonly #folder: string;
  readonly #executable: string;
  readonly #arguments: readonly string[];

  /** True on Linux on x86-64; elsewhere the constructor throws. */
  static available(): boolean {
    return process.platform === 'linux' && process.arch === 'x64';
  }

  /** Compiles the harness. Throws an Error that names the Debian packages where gcc is missing or fails. */
  constructor({ withoutFsgsbase = false, patience = 40 }: NativeOracleOptions = {}) {
    if (!NativeOracle.available()) throw new Error(NOT_AVAILABLE);
    this.#arguments = [withoutFsgsbase ? 'arch_prctl' : 'wrfsbase', String(patience)];
    this.#folder = mkdtempSync(join(tmpdir(), 'bd0-oracle-'));
    this.#executable = join(this.#folder, 'harness');
    try {
      compile(this.#executable);
      this.host = decodeHello(this.#serve([], HELLO_BYTES));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Executes each case from its own state, CASES_PER_PROCESS in one process. The answer is undefined where Linux refuses
   * the FS or GS base of a case.
   *
   * @throws RangeError before any has run, for a case that is out of bounds or refused; KilledError if the host kills the
   *   harness, Error if it fails otherwise.
   */
  ask(cases: readonly OracleCase[]): (OracleResult | undefined)[] {
    for (const c of cases) checkCase(c);
    const results: (OracleResult | undefined)[] = [];
    for (let from = 0; from < cases.length; from += CASES_PER_PROCESS) {
      const batch = cases.slice(from, from + CASES_PER_PROCESS);
      const output = this.#serve(batch, HELLO_BYTES + batch.reduce((sum, c) => sum + responseBytes(c), 0));
      let at = HELLO_BYTES;
      for (const c of batch) {
        const outcome = outcomeAt(output, at);
        if (outcome === OUTCOME.systemCall) throw new Error(`${describeBytes(c.bytes)}: it made a system call`);
        results.push(outcome === OUTCOME.baseRefused ? undefined : decodeResponse(c, output, at));
        at += responseBytes(c);
      }
    }
    return results;
  }

  /** Executes each case, as `ask` does; an Error if Linux refuses the base of one. */
  run(cases: readonly OracleCase[]): OracleResult[] {
    return this.ask(cases).map((result, i) => {
      if (result) return result;
      const { bytes, fsBase, gsBase } = cases[i]!;
      throw new Error(`${describeBytes(bytes)}: Linux refuses fs_base ${hex(fsBase)} or gs_base ${hex(gsBase)}`);
    });
  }

  /** Executes one case. */
  runOne(c: OracleCase): OracleResult {
    return this.run([c])[0]!;
  }

  ends(c: OracleCase): boolean {
    checkCase(c);
    const options = { input: encodeRequests([c]), timeout: ENDS_WITHIN_MS, killSignal: 'SIGKILL' } as const;
    return spawnSync(this.#executable, this.#arguments, options).status === 0;
  }

  /** Removes the compiled harness. */
  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** The harness's whole output, `outputBytes` long, for the cases. */
  #serve(cases: readonly OracleCase[], outputBytes: number): DataView {
    const input = encodeRequests(cases);
    const options = { input, maxBuffer: outputBytes + 1 };
    const { error, status, signal, stdout } = spawnSync(this.#executable, this.#arguments, options);
    if (error || status !== 0 || stdout.length !== outputBytes) {
      // A harness that ends before it has read its input gives EPIPE as well; its status tells why.
      const reason = EXIT_STATUS[status ?? 0] ?? error?.message ?? signal ?? `exit status ${status}`;
      const message = `the native oracle failed at ${unansweredCase(cases, stdout?.length ?? 0)}: ${reason}`;
      throw !error && signal === 'SIGKILL' ? new KilledError(message) : new Error(message);
    }
    return new DataView(stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + stdout.length));
  }
}

/** The first case that `outputBytes` of output do not answer; a harness killed by a signal loses up to 1 MiB of it. */
function unansweredCase(cases: readonly OracleCase[], outputBytes: number): string {
  let end = HELLO_BYTES;
  const index = cases.findIndex((c) => (end += responseBytes(c)) > outputBytes);
  return index < 0 ? 'its start or end' : `or after case ${index} (${describeBytes(cases[index]!.bytes)})`;
}
