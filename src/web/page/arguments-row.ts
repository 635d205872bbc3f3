import { lineOf, wordsOf } from '../client/words.js';
import { button, byId, element } from './dom.js';
import type { Program } from './program.js';

/** The arguments of a program, or the command line of a kernel, which can be started again with others. */
export class ArgumentsRow {
  private readonly row = byId('arguments');
  private readonly label = element('label', { for: 'words' });
  private readonly input = element('input', { id: 'words', autocomplete: 'off', spellcheck: 'false' });
  private program: Program | undefined;

  constructor(start: (program: Program) => void) {
    const startAgain = (): void => {
      if (this.program) start(withWords(this.program, this.input.value));
    };
    this.input.addEventListener('keydown', ({ key }) => {
      if (key === 'Enter') startAgain();
    });
    this.row.replaceChildren(this.label, this.input, button('Run', { title: 'Start it with these words' }, startAgain));
  }

  /** Shows those of a program; undefined: of none. */
  show(program: Program | undefined): void {
    this.program = program;
    this.row.hidden = program === undefined || program.isSnapshot === true;
    if (!program) return;
    this.label.textContent = program.boot ? 'Command line' : 'Arguments';
    this.input.value = program.boot?.commandLine ?? lineOf(program.args);
  }
}

function withWords(program: Program, line: string): Program {
  if (program.boot) return { ...program, boot: { ...program.boot, commandLine: line.trim() } };
  return { ...program, args: wordsOf(line) };
}
