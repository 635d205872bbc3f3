/** QEMU's log of `-singlestep -d cpu,int`: the state before each instruction, and before each iteration of REP. */

/** The registers that are compared. */
export interface LoggedState {
  readonly gpr: BigUint64Array;
  rip: bigint;
  rflags: bigint;
  cpl: number;
  cr0: bigint;
  cr2: bigint;
  cr3: bigint;
  cr4: bigint;
}

export type Logged =
  { readonly kind: 'state'; readonly state: LoggedState } | { readonly kind: 'interrupt'; readonly vector: number };

/** Registers in the order of their encoding, as the log names them. */
const NAMES = ['AX', 'CX', 'DX', 'BX', 'SP', 'BP', 'SI', 'DI'];
const PLACES = new Map<string, number>([
  ...NAMES.flatMap((name, place) => ['E', 'R'].map((size) => [`${size}${name}`, place] as const)),
  ...Array.from({ length: 8 }, (_, place) => [`R${8 + place}`, 8 + place] as const),
]);

/** What the lines that are read begin with. */
const CODES_OF_STARTS = new Set([...'SREC'].map((letter) => letter.charCodeAt(0)));

/** Reads the log, given in pieces, and returns what each piece completes. */
export class LogReader {
  private rest = '';
  private state: LoggedState | undefined;
  /** The state before, and its lines by how they begin: most lines are the same in the next state, and need not be read again. */
  private before = emptyState();
  private readonly linesBefore = new Map<string, string>();

  read(piece: string): Logged[] {
    const lines = (this.rest + piece).split('\n');
    this.rest = lines.pop()!;
    const found: Logged[] = [];
    for (const line of lines) if (CODES_OF_STARTS.has(line.charCodeAt(0))) this.readLine(line, found);
    return found;
  }

  private readLine(line: string, found: Logged[]): void {
    const interrupt = line.startsWith('S') && /^Servicing hardware INT=0x([0-9a-f]+)/.exec(line);
    if (interrupt) return void found.push({ kind: 'interrupt', vector: parseInt(interrupt[1]!, 16) });
    if (line.startsWith('RAX=') || line.startsWith('EAX=')) this.begin(line.startsWith('EAX='));
    const { state } = this;
    if (!state) return;
    if (line.startsWith('EFER=')) {
      found.push({ kind: 'state', state });
      [this.before, this.state] = [state, undefined];
    } else if (!this.isAsBefore(line)) readRegisters(line, state);
  }

  /** A state begins; those of 32-bit code have fewer registers than the others. */
  private begin(isNarrow: boolean): void {
    const { before } = this;
    if (isNarrow) this.linesBefore.clear();
    this.state = isNarrow ? emptyState() : { ...before, gpr: before.gpr.slice() };
  }

  private isAsBefore(line: string): boolean {
    const start = line.slice(0, 3);
    if (this.linesBefore.get(start) === line) return true;
    this.linesBefore.set(start, line);
    return false;
  }
}

function readRegisters(line: string, state: LoggedState): void {
  if (line.startsWith('CR0=')) {
    const [cr0, cr2, cr3, cr4] = [...line.matchAll(/=([0-9a-f]+)/g)].map(([, digits]) => BigInt(`0x${digits}`));
    Object.assign(state, { cr0, cr2, cr3, cr4 });
  } else if (line.startsWith('EIP=') || line.startsWith('RIP=')) {
    const [, rip, flags, cpl] = /IP=([0-9a-f]+) [ER]FL=([0-9a-f]+).*CPL=(\d)/.exec(line)!;
    Object.assign(state, { rip: BigInt(`0x${rip}`), rflags: BigInt(`0x${flags}`), cpl: Number(cpl) });
  } else if (/^([ER](AX|SI)|R8 |R12)/.test(line))
    for (const [, name, digits] of line.matchAll(/([ER][A-Z0-9]+) ?=([0-9a-f]+)/g))
      state.gpr[PLACES.get(name!)!] = BigInt(`0x${digits}`);
}

function emptyState(): LoggedState {
  return { gpr: new BigUint64Array(16), rip: 0n, rflags: 0n, cpl: 0, cr0: 0n, cr2: 0n, cr3: 0n, cr4: 0n };
}
