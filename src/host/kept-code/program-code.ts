import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { CODE_VERSION, type CodeKeeper, type KeptCode, type KeptRegion } from '../../index.js';
import { takesMachineCode } from '../bundled/interpreter-module.js';
import { codeOf, moduleWithCode } from '../bundled/machine-code.js';
import { hostFiles } from '../store/file-layer.js';
import { decodeKeptCode, encodeKeptCode } from './code-file.js';

/** Kept of one program, at most: what was used longest ago is left out first. */
const MOST_BYTES = 16 * 2 ** 20;

/** Kept of all programs, at most: what was written longest ago is removed first. */
const MOST_BYTES_IN_ALL = 256 * 2 ** 20;

const SUFFIX = '.bd0code';
/** The names of such files, and of those that a process is writing or has left behind. */
const IS_NAME = /^[0-9a-f]{32}\.bd0code(?:\.\d+)?$/;

const NOTHING: KeptCode = { regions: [], samples: [] };

/** What runs of a program keep in a file of a directory: a cache, of which anything may be missing. */
export class ProgramCode implements CodeKeeper {
  readonly kept: KeptCode;
  private readonly file: string;

  /** `program` names the program, and whatever else its code depends on. */
  constructor(
    private readonly directory: string,
    program: string,
  ) {
    // Options of Node may be for its compiler.
    const { NODE_OPTIONS = '' } = process.env;
    const facts = [CODE_VERSION, process.version, process.arch, cpus()[0]?.model, process.execArgv, NODE_OPTIONS];
    const name = createHash('sha256')
      .update(JSON.stringify([...facts, program]))
      .digest('hex');
    this.file = join(directory, `${name.slice(0, 32)}${SUFFIX}`);
    this.kept = this.read();
  }

  private read(): KeptCode {
    try {
      return decodeKeptCode(readFileSync(this.file)) ?? NOTHING;
    } catch {
      return NOTHING;
    }
  }

  compile({ record, machineCode }: KeptRegion): WebAssembly.Module {
    const wasm = Uint8Array.from(record.bytes);
    const module = machineCode && takesMachineCode() ? moduleWithCode(wasm, machineCode) : undefined;
    return module ?? new WebAssembly.Module(wasm);
  }

  machineCodeOf(module: WebAssembly.Module, run: CallableFunction): Uint8Array | undefined {
    return takesMachineCode() ? codeOf(module, run) : undefined;
  }

  keep({ regions, samples }: KeptCode): void {
    let bytes = 0;
    const latest = regions.filter(
      ({ record, machineCode }) => (bytes += record.bytes.length + (machineCode?.length ?? 0)) <= MOST_BYTES,
    );
    const temporary = `${this.file}.${process.pid}`;
    try {
      hostFiles.makeDirectory(this.directory);
      writeFileSync(temporary, encodeKeptCode({ regions: latest, samples }));
      renameSync(temporary, this.file);
      removeOldest(this.directory);
    } catch {
      // A cache that cannot be written keeps nothing.
      removeIfThere(temporary);
    }
  }
}

function removeIfThere(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Nor can what is in the way be removed.
  }
}

/** Removes kept code of programs from a directory until the rest is not too large; other files stay. */
function removeOldest(directory: string): void {
  const names = readdirSync(directory).filter((name) => IS_NAME.test(name));
  const files = names.map((name) => {
    const path = join(directory, name);
    const { size, mtimeMs } = statSync(path);
    return { path, size, mtimeMs };
  });
  let bytes = 0;
  for (const { path, size } of files.sort((a, b) => b.mtimeMs - a.mtimeMs))
    if ((bytes += size) > MOST_BYTES_IN_ALL) removeIfThere(path);
}
