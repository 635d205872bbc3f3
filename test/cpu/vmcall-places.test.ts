/** A known VMCALL is skipped only as long as it is still there. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { compileGuest } from '../../src/host/toolchain/guest-compiler.js';
import { runGuest } from '../support/guest-programs.js';
import { ALL_ENGINES } from '../support/side-by-side.js';

const directory = mkdtempSync(join(tmpdir(), 'bd0-vmcalls-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));

/**
 * Calls generated code, 100 times each: thread_self by VMCALL, which returns 1; the same place with other bytes; the
 * same address with another page; and the VMCALL again. The code begins at two places in the page: in the middle, and
 * such that the VMCALL crosses the end.
 */
const program = `
#include <bd0.h>
#include <stdio.h>
#include <string.h>

enum { PAGE = 4096, BYTES = 2 * PAGE };

/* mov eax, 11; vmcall; ret */
static const unsigned char call[] = {0xb8, 11, 0, 0, 0, 0x0f, 0x01, 0xc1, 0xc3};
/* lea eax, [rax + 66] in the place of VMCALL: 77 */
static const unsigned char other[] = {0x8d, 0x40, 66};

static long sum(unsigned char *code) {
  long all = 0;
  for (int i = 0; i < 100; i++) all += ((int (*)(void))code)();
  return all;
}

static unsigned char *map(int64_t handle, void *at) {
  return (unsigned char *)bd0_vmo_map(handle, 0, at, BYTES, BD0_READ | BD0_WRITE | BD0_EXECUTE);
}

static int64_t page_of(size_t where, const unsigned char *bytes) {
  static unsigned char content[BYTES];
  memset(content, 0xcc, sizeof content);
  memcpy(content + where, call, sizeof call);
  if (bytes) memcpy(content + where + 5, bytes, 3);
  return bd0_vmo_create(content, sizeof content);
}

int main(void) {
  const size_t places[] = {64, PAGE - 7, PAGE - 8};
  for (int i = 0; i < 3; i++) {
    size_t where = places[i];
    int64_t calls = page_of(where, NULL), others = page_of(where, other);
    unsigned char *code = map(calls, NULL);
    printf("%ld", sum(code + where));
    memcpy(code + where + 5, other, 3);
    printf(" %ld", sum(code + where));
    memcpy(code + where, call, sizeof call);
    printf(" %ld", sum(code + where));
    bd0_vmo_unmap(code, BYTES);
    printf(" %d", map(others, NULL) == code);
    printf(" %ld", sum(code + where));
    bd0_vmo_unmap(code, BYTES);
    printf(" %d", map(calls, NULL) == code);
    printf(" %ld\\n", sum(code + where));
    bd0_vmo_unmap(code, BYTES);
  }
  return 0;
}
`;

t.test('changed code and mappings take effect, on every engine', async (t) => {
  const source = join(directory, 'program.c');
  writeFileSync(source, program);
  await compileGuest({ sources: [source], output: join(directory, 'program') });
  const image = new Uint8Array(readFileSync(join(directory, 'program')));
  const expected = '100 7700 100 1 7700 1 100\n'.repeat(3);
  for (const [name, engine] of Object.entries(ALL_ENGINES)) {
    const { output, exitCode } = await runGuest(Promise.resolve(image), engine);
    t.strictSame([output.toString(), exitCode], [expected, 0], name);
  }
});
