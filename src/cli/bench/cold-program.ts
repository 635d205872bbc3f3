/** The program of the workload `cold`: a great many functions, each called a few times, so that starting code counts. */

/** Number of functions in the workload. */
export const COLD_FUNCTIONS = 20_000;

/** Words of the memory that the functions work on; a power of two. */
const MEMORY_WORDS = 4096;

/** Number of instructions in the text of a function. */
const INSTRUCTIONS_MIN = 10;
const INSTRUCTIONS_MAX = 40;

/** The longest statement: a loop. */
const STATEMENT_MAX = 9;

/** A linear congruential generator (Knuth's MMIX constants), of which the high half is taken. */
class Draw {
  private state = 1n;

  /** A whole number in [0, limit). */
  below(limit: number): number {
    this.state = BigInt.asUintN(64, this.state * 6364136223846793005n + 1442695040888963407n);
    return Number(this.state >> 32n) % limit;
  }
}

/**
 * The C source: `count` functions of 10 to 40 instructions with branches, loops and memory, and a `main` that calls each of
 * them as often as its argument says (3), in another order each time. The functions are in assembly, over which a compiler
 * takes a second and not a minute, and which is the same in every build. The same text for the same count.
 */
export function coldProgram(count: number): string {
  const draw = new Draw();
  const functions = Array.from({ length: count }, (_, i) => assemble([`cold${i}:`, ...coldFunction(draw)]));
  const table = Array.from({ length: count }, (_, i) => `.quad cold${i}`);
  return `#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

${assemble(['.text'])}${functions.join('')}
${assemble(['.section .data.rel.ro, "aw"', '.balign 8', 'cold_functions:', ...table, '.text'])}
/* x in rdi, 64 words at m in rsi; the new x in rax. */
typedef uint64_t function(uint64_t x, uint64_t *m);
extern function *const cold_functions[] __attribute__((visibility("hidden")));
enum { FUNCTIONS = ${count}, MEMORY_WORDS = ${MEMORY_WORDS} };

static uint64_t memory[MEMORY_WORDS + 64];

int main(int argc, char **argv) {
  unsigned long passes = argc > 1 ? strtoul(argv[1], NULL, 10) : 3;
  uint64_t x = 1;
  for (unsigned long pass = 0; pass < passes; pass++)
    for (unsigned long i = 0; i < FUNCTIONS; i++)
      x = cold_functions[(i * 7919 + pass * 31) % FUNCTIONS](x, memory + x % MEMORY_WORDS);
  for (unsigned long i = 0; i < sizeof memory / sizeof *memory; i++) x = x * 31 + memory[i];
  printf("%lu passes over %d functions, checksum %016llx\\n", passes, FUNCTIONS, (unsigned long long)x);
  return 0;
}
`;
}

function assemble(lines: readonly string[]): string {
  return `__asm__("${lines.map((line) => line.replaceAll('"', '\\"')).join('\\n')}\\n");\n`;
}

function coldFunction(draw: Draw): string[] {
  const end = ['mov %rdi, %rax', 'ret'];
  const least = INSTRUCTIONS_MIN + draw.below(INSTRUCTIONS_MAX - STATEMENT_MAX - INSTRUCTIONS_MIN + 2);
  const lines: string[] = [];
  let instructions = end.length;
  while (instructions < least) {
    const more = statement(draw);
    lines.push(...more);
    instructions += more.filter((line) => !line.endsWith(':')).length;
  }
  return [...lines, ...end];
}

/** One to nine instructions on x and the words at m, as a compiler might make them. */
function statement(draw: Draw): string[] {
  switch (draw.below(9)) {
    case 0:
      return [`add %rdi, ${word(draw)}`];
    case 1:
      return ['mov %rdi, %rax', `xor $${constant(draw)}, %rax`, `mov %rax, ${word(draw)}`];
    case 2:
      return ['mov %edi, %eax', 'and $63, %eax', 'xor (%rsi,%rax,8), %rdi'];
    case 3:
      return [`test $${1 + draw.below(127)}, %dil`, 'je 1f', ...step(draw), 'jmp 2f', '1:', ...step(draw), '2:'];
    case 4:
      return [`cmp ${word(draw)}, %rdi`, 'jge 1f', ...step(draw), `add $${draw.below(1000)}, %rdi`, '1:'];
    case 5:
      return [
        ...['mov %edi, %ecx', `shr $${draw.below(24)}, %ecx`, 'and $3, %ecx', 'add $2, %ecx'],
        ...['1:', ...step(draw), 'dec %ecx', 'jne 1b'],
      ];
    case 6:
      return ['push %rdi', ...step(draw), 'pop %rax', 'add %rax, %rdi'];
    default:
      return step(draw);
  }
}

/** One to three instructions that change x, without a branch. */
function step(draw: Draw): string[] {
  switch (draw.below(7)) {
    case 0:
      return ['mov %rdi, %rax', `shl $${1 + draw.below(30)}, %rax`, 'add %rax, %rdi'];
    case 1:
      return ['mov %rdi, %rax', `shr $${1 + draw.below(30)}, %rax`, 'xor %rax, %rdi'];
    case 2:
      return [`imul $${3 + draw.below(1000)}, ${word(draw)}, %rax`, 'add %rax, %rdi'];
    case 3:
      return [`lea ${draw.below(1000)}(%rdi,%rdi,${2 << draw.below(3)}), %rdi`];
    case 4:
      return [`xor ${word(draw)}, %rdi`];
    case 5:
      return [`movzbl ${word(draw)}, %eax`, `add $${constant(draw)}, %eax`, 'sub %rax, %rdi'];
    default:
      return [`add $${constant(draw)}, %rdi`];
  }
}

function word(draw: Draw): string {
  return `${8 * draw.below(64)}(%rsi)`;
}

function constant(draw: Draw): string {
  return `0x${(1 + draw.below(0x7fff_fffe)).toString(16)}`;
}
