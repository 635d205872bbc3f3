import type { MachineClient } from '../../client/machine-client.js';
import { button, element } from '../dom.js';
import type { View, ViewHost } from './view.js';

/** Something to try: what one sees, the words on its button, and what that does. */
interface Demonstration {
  readonly title: string;
  readonly text: string;
  readonly action: string;
  readonly run: (host: ViewHost) => void | Promise<void>;
}

/** Of two texts that differ in one line, so that one of their pages does. */
const SAMPLE_LINES = 520;

const DEMONSTRATIONS: readonly Demonstration[] = [
  {
    title: 'Watch memory fill',
    text: 'A program looks for prime numbers. Each square of the map is a piece of the address space; red ones are being written.',
    action: 'Start sieve',
    run: ({ shell, open }) => {
      shell('start sieve 90000000 &');
      open('memory');
    },
  },
  {
    title: '64 gigabytes for one program',
    text: 'All programs share one address space of 256 terabytes. This one asks for 64 GB of it, and uses a few pages: see the map at a moment of its run.',
    action: 'Start sparse',
    run: ({ shell, open }) => {
      goBack(shell('start sparse -L 64GB'), 'sparse', 4000);
      open('memory');
    },
  },
  {
    title: 'Go back in time',
    text: 'Drag the bar below the page: the whole machine returns to that moment, and the debugger shows where it was.',
    action: 'Run fib, and go back',
    run: ({ shell, open }) => {
      goBack(shell('start fib 24'), 'fib', 500_000);
      open('debugger');
    },
  },
  {
    title: 'Two files, one tree',
    text: 'Memory objects (VMOs) are trees of pages, named by their hashes. Equal parts of two files are one and the same.',
    action: 'Compare two texts',
    run: async ({ machine, open }) => {
      for (const name of ['monday.txt', 'tuesday.txt']) await machine.call('addVmo', { name, bytes: sampleText(name) });
      open('vmos');
    },
  },
  {
    title: 'Code becomes WebAssembly',
    text: 'What runs often is translated while it runs. See the speed, and each instruction beside what became of it.',
    action: 'Start fib',
    run: ({ shell, open }) => {
      shell('start fib 36 &');
      open('engine');
    },
  },
  {
    title: 'Bring your own',
    text: 'Drop a file onto the page: a program for BD0, a static Linux program, a kernel with its disks, or a saved machine.',
    action: 'Open a file…',
    run: ({ openFiles }) => openFiles(),
  },
];

/** What there is to see and to try, for somebody who opens the page for the first time. */
export class GuideView implements View {
  readonly element: HTMLElement;

  constructor(host: ViewHost) {
    const card = ({ title, text, action, run }: Demonstration): HTMLElement => {
      const start = button(action, { title }, () => {
        Promise.resolve(run(host)).catch((error: Error) => host.fail(error.message));
      });
      return element('li', {}, element('h3', {}, title), element('p', {}, text), start);
    };
    this.element = element(
      'div',
      { class: 'guide' },
      element('h2', {}, 'A computer in this page'),
      element('p', {}, INTRODUCTION),
      element('ul', {}, ...DEMONSTRATIONS.map(card)),
      element('p', { class: 'keys' }, KEYS),
    );
  }

  async update(): Promise<void> {}
}

const INTRODUCTION =
  'bd0 is a 64-bit PC in software, and BD0 the small operating system on it. It runs in your browser; nothing is sent anywhere. ' +
  'Its terminal takes commands: type help. Or try one of these:';

const KEYS =
  'F6 leaves the terminal, Ctrl-. pauses the machine and lets it go on. The tabs at the top show the same machine from other sides.';

/** When a program that was just started has ended, goes back to so many ticks before that, and has the debugger show its thread. */
function goBack(machine: MachineClient, program: string, ticks: number): void {
  let hasStarted = false;
  let goal: number | undefined;
  const removeLog = machine.on('log', (lines) => {
    hasStarted ||= lines.some((line) => line.includes(`(${program}) has started`));
  });
  const remove = machine.on('status', (status) => {
    if (goal === undefined && hasStarted && status.state === 'waiting') {
      goal = status.ticks - ticks;
      machine.call('goto', goal).catch(() => {});
    }
    if (goal === undefined || !status.isPast) return;
    removeLog();
    remove();
    void selectThreadOf(machine, program);
  });
}

async function selectThreadOf(machine: MachineClient, program: string): Promise<void> {
  const { threads } = await machine.call('debug', { rows: 1, memory: undefined, memoryBytes: 0 });
  const thread = threads.find(({ text }) => text.startsWith(`${program}:`));
  if (thread) await machine.call('execute', `thread ${thread.tid}`);
}

function sampleText(name: string): Uint8Array {
  const lines = Array.from(
    { length: SAMPLE_LINES },
    (_, number) => `${number}: the same on both days, as on any other`,
  );
  lines[SAMPLE_LINES / 2] = `this is ${name}`.padEnd(32, '.');
  return new TextEncoder().encode(lines.join('\n'));
}
