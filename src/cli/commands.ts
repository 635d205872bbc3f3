/** The commands of bd0: their options, and what their help says. What performs a command is loaded when it is called. */
import { BENCH_OPTIONS } from './bench/bench-options.js';
import { BOOT_OPTIONS } from './boot/boot-options.js';
import { DEBUG_OPTIONS } from './debug/debug-options.js';
import type { OptionTable } from './options.js';
import { DIFF_TRACE_OPTIONS, REPLAY_OPTIONS } from './recording/replay-options.js';
import { RESUME_OPTIONS } from './run/resume-options.js';
import { RUN_OPTIONS } from './run/run-options.js';
import { VMO_COMMANDS } from './vmo/commands.js';
import { WEB_OPTIONS } from './web/web-options.js';

/** What the help says about a command. */
export interface CommandHelp {
  /** One line, for the list of commands. */
  readonly summary: string;
  /** What follows the name of the command. */
  readonly usage: string;
  /** What it does. */
  readonly about: string;
  readonly options: OptionTable;
  readonly examples: readonly (readonly [command: string, meaning?: string])[];
  /** Follows the examples. */
  readonly notes?: string;
  /** Its own commands, if it has any. */
  readonly commands?: Readonly<Record<string, CommandHelp>>;
}

const SIZES = 'SIZE is a number with an optional KB, MB, GB, TB or PB.';

const RUN: CommandHelp = {
  summary: 'boot BD0 and run IMAGE',
  usage: '[OPTIONS] [IMAGE [OPTIONS] [--] [ARGS...]]',
  about:
    'IMAGE is a file, or else a name under --root. Without IMAGE, bd0 runs the terminal, as bd0 shell does. Options may ' +
    'follow IMAGE, up to the first of ARGS or --.',
  options: RUN_OPTIONS,
  examples: [
    ['bd0 run hello_world'],
    ['bd0 run echo one two', 'with arguments for the program'],
    ['bd0 run sparse -L 32GB --stats', 'a region of 32 GB, counters at the end'],
    ['bd0 run echo -- --help', 'an argument that starts with -'],
    ['bd0 run --changes - /bin/sh setup.sh', 'a Linux program, and what it would change of your files'],
    ['bd0 run --bind .=/project:rw --cwd /project /bin/sh', 'let Linux programs write to this directory'],
  ],
  notes:
    `${SIZES} Exit code: that of the program; 124 limit reached or deadlock, 125 bd0 failed, 126 IMAGE is not runnable, ` +
    '127 not found, 128 + n ended by a trap or signal.',
};

const BOOT: CommandHelp = {
  summary: 'boot KERNEL on a bare PC',
  usage: '[OPTIONS] KERNEL',
  about:
    'KERNEL is a file: vmlinuz or vmlinux of Linux, another ELF kernel with a PVH entry, or a Multiboot 1 kernel. The machine has one ' +
    'processor, memory, a serial port at the terminal, APICs, timers, PCI and ACPI. Disks are behind an NVMe controller: what is ' +
    'written to them is gone at the end unless --publish keeps it. On a terminal, Ctrl-A x quits.',
  options: BOOT_OPTIONS,
  examples: [
    ['bd0 boot kernel.elf', 'a Multiboot kernel'],
    ['bd0 boot vmlinuz --initrd initrd.cpio --append console=ttyS0', 'Linux'],
    [
      'bd0 boot vmlinuz --disk disk.img --append "console=ttyS0 root=/dev/nvme0n1"',
      'from a disk, which stays as it is',
    ],
    [
      'bd0 boot vmlinuz --store ~/.bd0 --disk disk.img --publish disk',
      "keep the disk as 'disk', whenever the kernel flushes it",
    ],
    ['bd0 boot vmlinuz --store ~/.bd0 --disk disk --publish disk', 'and go on with it'],
    ['bd0 boot vmlinuz --virtio rng,block --disk disk.img', 'a source of entropy, and a disk as /dev/vda'],
    [
      'bd0 boot vmlinuz --initrd initrd.cpio --append console=ttyS0 --net host',
      'with a network: TCP and names of the host',
    ],
    ['bd0 boot vmlinuz --store ~/.bd0 --snapshot-at 1400000000 shell', 'save the machine at that tick'],
    ['bd0 boot --store ~/.bd0 --resume shell', 'and go on with it, as often as wanted'],
    ['bd0 boot --store ~/.bd0 --resume shell --publish disk', 'and keep what it writes to its disk'],
    ['bd0 boot vmlinuz --initrd initrd.cpio --append console=ttyS0 --record run.bd0', 'record it, with what is typed'],
    ['bd0 replay run.bd0', 'and repeat it'],
    ['bd0 boot kernel.elf --trace irq,faults --max-instructions 1000000', 'with a log of interrupts and exceptions'],
  ],
  notes:
    `${SIZES} Exit code: 0 if the kernel has reset, halted or turned off the machine, 2n + 1 if it has written n to port F4h; 124 limit ` +
    'reached, 125 bd0 failed, 126 KERNEL cannot be booted, 127 not found. docs/boot.md says what works.',
};

const SHELL: CommandHelp = {
  summary: 'boot BD0 into the terminal',
  usage: '[OPTIONS]',
  about:
    'The terminal of BD0 starts and inspects programs: type help. On a terminal, Ctrl-A x quits, and Ctrl-A h shows the ' +
    'other keys of bd0.',
  options: RUN_OPTIONS,
  examples: [
    ['bd0 shell'],
    ['bd0 shell --store ~/.bd0', 'keep published names in a store'],
    ["echo 'start hello_world' | bd0 shell", 'commands from a pipe'],
  ],
  notes: SIZES,
};

const DEBUG: CommandHelp = {
  summary: 'run IMAGE, or boot KERNEL, in the debugger of bd0',
  usage: '[OPTIONS] IMAGE|KERNEL [OPTIONS] [--] [ARGS...]',
  about:
    'Stops at the first instruction and executes commands. At a terminal it fills the screen; otherwise commands ' +
    'come from stdin, or from --command and -x. The command help lists them. Other options are those of bd0 run; for a KERNEL, ' +
    'or a machine that --resume NAME names, those of bd0 boot.',
  options: DEBUG_OPTIONS,
  examples: [
    ['bd0 debug ./program one two', 'F1 shows the keys'],
    ["bd0 debug --command 'break main' --command continue --command bt ./program", 'from a script'],
    ['bd0 debug -x commands.txt ./program', 'commands in a file'],
    ['bd0 debug -m 64MB --symbols kernel.elf kernel', 'a kernel, with symbols from another file'],
    ['bd0 debug --command c vmlinux --initrd disk.cpio --append "console=ttyS0 nokaslr"', 'Linux, up to its end'],
  ],
  notes: `${SIZES} Exit code: that of the program if it has ended, else 0. docs/debugging.md explains the commands.`,
};

const WEB: CommandHelp = {
  summary: 'serve a page with a machine in it',
  usage: '[OPTIONS]',
  about:
    'Open the address that it prints in a browser of this computer: the terminal of BD0 runs there, and programs that are ' +
    'dropped onto the page. No other computer can connect. Ctrl-C ends it.',
  options: WEB_OPTIONS,
  examples: [['bd0 web'], ['bd0 web --port 0', 'on any port that is free']],
  notes: 'docs/browser.md describes the page, and how to put machines into pages of your own.',
};

const NEW: CommandHelp = {
  summary: 'make a directory with a program to start from',
  usage: 'NAME',
  about:
    'Makes the directory NAME with main.c, a Makefile, and settings for gdb and VS Code. In it, make run and make debug ' +
    'work. Nothing is overwritten. NAME may be a path; its last part is the name of the program.',
  options: {},
  examples: [['bd0 new shop', 'then: cd shop && make run']],
};

const RESUME: CommandHelp = {
  summary: 'resume a saved snapshot',
  usage: 'NAME --store DIR [OPTIONS]',
  about:
    'NAME stands for a whole machine in the store, which bd0 run --snapshot-at has saved; an ID does as well. It goes on ' +
    'from there, on any engine. Options as for bd0 run.',
  options: RESUME_OPTIONS,
  examples: [
    ['bd0 run --store ~/.bd0 --snapshot-at 1000000 early qsort', 'save the machine at tick 1000000, and go on'],
    ['bd0 resume --store ~/.bd0 early', 'run on from there'],
    ['bd0 resume --store ~/.bd0 early --engine interpreter', 'on another engine'],
  ],
};

const REPLAY: CommandHelp = {
  summary: 'replay a run that --record has recorded',
  usage: 'FILE [OPTIONS]',
  about:
    'Everything that came from outside comes from FILE: nothing is printed, published or waited for. The machine is compared ' +
    'with the recorded one at many ticks; where it differs, the first tick is found, and what differs there.',
  options: REPLAY_OPTIONS,
  examples: [
    ['bd0 run --record run.bd0 --store ~/.bd0 qsort', 'record a run'],
    ['bd0 replay run.bd0', 'run it again, and compare'],
    ['bd0 replay run.bd0 --engine interpreter', 'on another engine'],
    ['bd0 replay run.bd0 --gdb 1234', 'debug it, backwards as well'],
    ['bd0 replay boot.bd0 --gdb 1234 --symbols vmlinux', 'one of bd0 boot, with the symbols of its kernel'],
  ],
  notes:
    'Exit code: 0 if the run was the same, or the debugger has left; 1 if it was not, 125 if FILE cannot be replayed. ' +
    'docs/recordings.md explains what is recorded.',
};

const DIFF_TRACE: CommandHelp = {
  summary: 'find where two recorded runs diverge',
  usage: 'FILE FILE [OPTIONS]',
  about:
    'Names the first input in which two recordings differ, and the first tick at which the machines do, with what differs ' +
    'there.',
  options: DIFF_TRACE_OPTIONS,
  examples: [['bd0 diff-trace good.bd0 bad.bd0']],
  notes: 'Exit code: 0 if the runs are the same, 1 if they part, 125 if a FILE cannot be read.',
};

const CC: CommandHelp = {
  summary: 'compile C, C++ or assembly for BD0',
  usage: 'FILES -o OUT [OPTIONS]',
  about:
    "Compiles with the system's gcc or clang, which gets all OPTIONS as they are, except --help and --version. " +
    '__bd0__ is defined. With --libc musl, the program has the whole C library of musl, which musl-gcc compiles for.',
  options: {},
  examples: [
    ['bd0 cc hello.c -o hello', 'then: bd0 run ./hello'],
    ['bd0 cc main.c start.S -O3 -DN=5 -o program'],
    ['bd0 cc --libc musl tool.c -lm -o tool', 'math.h, files, processes, POSIX threads'],
  ],
};

const VMO: CommandHelp = {
  summary: 'store and compare content by its hash',
  usage: 'COMMAND ...',
  about:
    'Virtual memory objects (VMOs) are content named by its hash: equal bytes have one ID, and are stored once. A store is ' +
    'a directory: --store DIR, or BD0_STORE in the environment.',
  options: {},
  examples: [
    ['bd0 vmo hash README.md'],
    ['bd0 vmo import src --store ~/.bd0 --name src'],
    ['bd0 vmo COMMAND --help', 'what a command does, and its options'],
  ],
  commands: VMO_COMMANDS,
};

const BENCH: CommandHelp = {
  summary: 'run the benchmarks and print a table',
  usage: '[OPTIONS] [WORKLOAD...]',
  about:
    'Runs workloads natively, under the other emulators that are installed, and under bd0. WORKLOAD is a workload or a ' +
    'group: integer, memory, fp, system; all by default. kernel, alone, measures kernel-calls, switches, starts and ' +
    'faults, compared with Linux. docs/benchmarks.md describes them. Needs gcc or clang.',
  options: BENCH_OPTIONS,
  examples: [
    ['bd0 bench', 'everything: about an hour'],
    ['bd0 bench --rounds 1 fib sieve', 'two workloads, once each'],
    ['bd0 bench fp --contenders qemu-user,auto', 'a group, two contenders'],
    ['bd0 bench kernel', 'three minutes; with the Linux under /boot'],
    ['bd0 bench --scale 0.2 --json samples.json', 'a fifth of the work, with the raw samples'],
  ],
};

const COMPLETION: CommandHelp = {
  summary: 'print a completion script for bash or zsh',
  usage: '[bash|zsh]',
  about:
    'Completes commands, options and their values, images, workloads, and names in a store. Without an argument, the ' +
    'script is for the shell in SHELL.',
  options: {},
  examples: [
    ['bd0 completion >> ~/.bashrc', 'for bash'],
    ['bd0 completion zsh >> ~/.zshrc', 'for zsh'],
  ],
};

const HELP: CommandHelp = {
  summary: 'show this help, or that of a command',
  usage: '[COMMAND...]',
  about: 'The same as --help after the command.',
  options: {},
  examples: [['bd0 help run'], ['bd0 help vmo import']],
};

/** All commands by name, in the order of the help. */
export const COMMANDS: Readonly<Record<string, CommandHelp>> = {
  run: RUN,
  boot: BOOT,
  shell: SHELL,
  debug: DEBUG,
  web: WEB,
  new: NEW,
  resume: RESUME,
  replay: REPLAY,
  'diff-trace': DIFF_TRACE,
  cc: CC,
  vmo: VMO,
  bench: BENCH,
  completion: COMPLETION,
  help: HELP,
};

/** bd0 itself. */
export const BD0: CommandHelp = {
  summary: '',
  usage: 'COMMAND ...',
  about: 'x86-64 programs on BD0, a single-address-space operating system.',
  options: {},
  examples: [
    ['bd0 run hello_world', 'run a program that comes with bd0'],
    ['bd0 COMMAND --help', 'what a command does, and its options'],
  ],
  notes: 'Exit codes of bd0: 124 limit reached, 125 bd0 failed, 126 not runnable, 127 not found.',
  commands: COMMANDS,
};
