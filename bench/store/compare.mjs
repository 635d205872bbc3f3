/**
 * Takes a tree into a store of bd0, and into those of restic, borg and git as far as they are installed:
 * `node compare.mjs TREE [ROUNDS]`. Prints a table in Markdown: medians of the rounds, which take turns.
 *
 * Time is that of the whole process; the disk's write-back counts as each one waits for it (git is told to).
 */
import { spawnSync } from 'node:child_process';
import { contenders, measure } from './contenders.mjs';

const [tree, rounds = '3'] = process.argv.slice(2);
if (!tree || tree.startsWith('-') || !(Number(rounds) > 0)) {
  console.error('usage: node compare.mjs TREE [ROUNDS]');
  process.exit(2);
}

const all = Object.entries(contenders(tree));
const samples = new Map(all.map(([name]) => [name, []]));
const mib = Number.parseInt(spawnSync('du', ['-s', '-m', '--apparent-size', tree], { encoding: 'utf8' }).stdout, 10);
spawnSync('grep', ['-rq', 'a string that is nowhere', tree]);
for (let round = 0; round < Number(rounds); round++)
  for (const [name, contender] of all) {
    const sample = measure(contender);
    if (sample) samples.get(name).push(sample);
    else process.stderr.write(`${name} is left out: apt install restic borgbackup git\n`);
  }

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
console.log(`| ${mib} MiB of files | seconds | MiB/s | CPU seconds | peak memory, MiB | on disk, MiB |`);
console.log('| --- | ---: | ---: | ---: | ---: | ---: |');
for (const [name, taken] of samples) {
  if (taken.length === 0) continue;
  const of = (what) => median(taken.map((sample) => sample[what]));
  const cells = [of('seconds').toFixed(1), (mib / of('seconds')).toFixed(0), of('cpu').toFixed(1)];
  console.log(`| ${name} | ${[...cells, of('peak').toFixed(0), of('size').toFixed(0)].join(' | ')} |`);
}
