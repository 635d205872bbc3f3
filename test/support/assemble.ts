/** Assembles guest code with the system's assembler. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The bytes of a source in Intel syntax, laid out from address 0. */
export function assemble(source: string): Uint8Array {
  const directory = mkdtempSync(join(tmpdir(), 'bd0-assemble-'));
  try {
    const output = join(directory, 'code');
    const flags = ['-nostdlib', '-static', '-Wl,-Ttext=0,--entry=0,--oformat=binary'];
    execFileSync('gcc', [...flags, '-x', 'assembler-with-cpp', '-o', output, '-'], {
      input: `.intel_syntax noprefix\n${source}\n`,
    });
    return new Uint8Array(readFileSync(output));
  } finally {
    rmSync(directory, { recursive: true });
  }
}
