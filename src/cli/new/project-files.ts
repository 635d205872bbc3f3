/** The port at which gdb and editors find a debugged program of a project. */
const PORT = 1234;

const MAIN = `#include <stdio.h>

/** The sum of the first \`count\` square numbers. */
static long sum_of_squares(long count) {
  long sum = 0;
  for (long i = 1; i <= count; i++) sum += i * i;
  return sum;
}

int main(int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : "world";
  printf("Hello, %s: %ld\\n", name, sum_of_squares(10));
  return 0;
}
`;

const makefile = (name: string): string => `# make          compiles the program
# make run      runs it: make run ARGS='one two'
# make debug    runs it in the debugger of bd0
# make serve    runs it and waits for gdb, or for an editor that uses gdb
# make gdb      connects gdb to it, in another terminal

BD0 ?= bd0
GDB ?= gdb
CFLAGS ?= -O0 -Wall
PROGRAM := build/${name}

$(PROGRAM): $(wildcard *.c *.h *.S) Makefile
	@mkdir -p build
	$(BD0) cc $(CFLAGS) $(wildcard *.c *.S) -o $@

.PHONY: run debug serve gdb clean

run: $(PROGRAM)
	$(BD0) run $(PROGRAM) -- $(ARGS)

debug: $(PROGRAM)
	$(BD0) debug $(PROGRAM) -- $(ARGS)

serve: $(PROGRAM)
	$(BD0) run --gdb ${PORT} $(PROGRAM) -- $(ARGS)

# gdb would warn that it does not load .gdbinit by itself.
gdb:
	$(GDB) -q -iex 'set auto-load local-gdbinit off' -x .gdbinit

clean:
	rm -rf build
`;

const GDB_INIT = `# Connects gdb to the program that \`make serve\` runs, and lets it run to main.
# A busy computer may take longer to answer than the 2 seconds that gdb waits.
set remotetimeout 60
target remote 127.0.0.1:${PORT}
tbreak main
continue
`;

/** For VS Code's C/C++ extension: it drives gdb, and needs the program's file for breakpoints that are set before it connects. */
function launchSettings(name: string): string {
  const configuration = {
    ...{ name: 'bd0', type: 'cppdbg', request: 'launch', program: `\${workspaceFolder}/build/${name}` },
    ...{ cwd: '${workspaceFolder}', MIMode: 'gdb', miDebuggerServerAddress: `127.0.0.1:${PORT}`, stopAtEntry: true },
  };
  return `${JSON.stringify({ version: '0.2.0', configurations: [configuration] }, undefined, 2)}\n`;
}

const readme = (name: string): string => `# ${name}

A program for BD0.

    make                     compiles it to build/${name}
    make run ARGS='you'      runs it

This needs bd0 on the PATH: \`npm link\` in the directory of bd0 puts it there.

There are three ways to debug it:

- \`make debug\`: the debugger of bd0. Type \`break main\`, \`continue\`, \`step\`, and \`help\`.
- \`make serve\`, and \`make gdb\` in another terminal. gdb stops in main.
- \`make serve\`, and F5 in VS Code with its C/C++ extension.

The program's input and output are in the terminal of \`make debug\` or \`make serve\`.
`;

/** The files of a new project by their paths in its directory. */
export function projectFiles(name: string): ReadonlyMap<string, string> {
  return new Map([
    ['main.c', MAIN],
    ['Makefile', makefile(name)],
    ['.gdbinit', GDB_INIT],
    ['.vscode/launch.json', launchSettings(name)],
    ['.gitignore', '/build/\n'],
    ['README.md', readme(name)],
  ]);
}
