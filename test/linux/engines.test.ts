/** Programs of Linux give the same machine on every engine, at every million ticks. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { HostRoot } from '../../src/host/linux/host-root.js';
import { sha256 } from '../../src/host/sha256.js';
import { Computer, type ComputerOptions, type Process } from '../../src/index.js';
import { ENGINES } from '../support/side-by-side.js';
import { seedOf, someOf, volume } from '../support/volume.js';

const MIB = 2 ** 20;
const STEP_TICKS = 1e6;

t.setTimeout(0);

const LOOP = 'i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo $i; done | sort -r | md5sum; (sleep 1; echo late) & wait';
const SQUARES =
  'f() { for x in {1..200}; do echo $((x*x)); done; }; f | while read n; do :; done; trap "echo t" USR1; kill -USR1 $$';
const SUMS =
  'import json; print(json.dumps({str(i): i**3 for i in range(200)})); print(2**200, sum(i*.5 for i in range(1000)))';
const HASHES = 'my %h; $h{$_ % 17} .= $_ for 1..3000; print sort keys %h; open(my $p, "-|", "echo piped"); print <$p>;';

/** Programs, and for how many millions of ticks they run. */
const PROGRAMS: readonly (readonly [path: string, args: readonly string[], millions: number])[] = [
  ['/bin/busybox', ['sh', '-c', LOOP], 6],
  ['/bin/bash', ['--norc', '-c', SQUARES], 8],
  ['/usr/bin/python3', ['-S', '-c', SUMS], 12],
  ['/usr/bin/perl', ['-e', HASHES], 5],
];
/** Of an ordinary day; the evaluator takes a second for one. */
const MILLIONS_OF_DAY = 2;

function start(path: string, args: readonly string[], options: Partial<ComputerOptions>): [Computer, Process] {
  const computer = new Computer({
    ...{ memoryBytes: 128 * MIB, sha256, ...options, linuxRoot: (store) => new HostRoot(store, '/') },
    console: { write: () => {}, read: () => 'end' },
  });
  const linux = { path: new TextEncoder().encode(path) };
  const image = new Uint8Array(readFileSync(path));
  return [computer, computer.start(image, { name: 'program', limitBytes: 2 ** 36, argv: [path, ...args], linux })];
}

const seed = seedOf(20276);

for (const [path, args, most] of someOf(PROGRAMS, 1, seed, 0))
  t.test(`${path} gives the same machine on every engine`, async (t) => {
    // Side by side: what the host has in its directories may change meanwhile.
    const machines = Object.values(ENGINES).map((options) => start(path, args, options));
    for (let millions = 1; millions <= volume(MILLIONS_OF_DAY, most); millions++) {
      const hashes = machines.map(([computer, process]) => {
        computer.run(process, { maxTicks: STEP_TICKS });
        return computer.machineHash();
      });
      if (!t.equal(new Set(hashes).size, 1, `after ${millions} million ticks`)) return;
    }
  });
