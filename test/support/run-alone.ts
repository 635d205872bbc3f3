/**
 * Runs a guest program in a process of its own, and prints the hash of the machine and millions of instructions per second, as
 * JSON: `node run-alone.js IMAGE MEMORY_BYTES LIMIT_BYTES linux|bd0 NAME ARGUMENT...`.
 */
import { readFileSync } from 'node:fs';
import { sha256 } from '../../src/host/index.js';
import { Computer } from '../../src/index.js';
import { LINUX_ENVIRONMENT } from '../../src/kernel/calls/process.js';

const [path, memoryBytes, limitBytes, kind, ...argv] = process.argv.slice(2);
const console_ = { write: () => {}, read: () => undefined, isTerminal: true };
const computer = new Computer({ memoryBytes: Number(memoryBytes), sha256, console: console_ });
const linux = kind === 'linux' && { linux: { environment: LINUX_ENVIRONMENT } };
const program = computer.start(readFileSync(path!), { name: argv[0]!, limitBytes: Number(limitBytes), argv, ...linux });
const start = performance.now();
computer.run(program);
const mips = computer.instructions / (performance.now() - start) / 1000;
process.stdout.write(JSON.stringify({ hash: computer.machineHash(), mips }));
