/** `bd0 cc --libc musl`: programs with the whole C library of musl run on BD0 as they do natively, and may use bd0.h. */
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { bd0 } from '../cli/bd0.js';

const sources = fileURLToPath(new URL('../../../test/host/musl/', import.meta.url));

t.test('programs with musl do what they do natively', async (t) => {
  const directory = t.testdir({});
  for (const [name, ...args] of [['library', 'a word', '42'], ['processes']] as const) {
    const image = join(directory, name);
    const compiled = await bd0(['cc', '--libc', 'musl', `${sources}${name}.c`, '-w', '-lm', '-pthread', '-o', image]);
    t.strictSame([compiled.code, compiled.stderr], [0, '']);
    const native = spawnSync(image, args, { encoding: 'utf8', cwd: directory });
    const { code, stdout, stderr } = await bd0(['run', image, ...args], { cwd: directory });
    t.strictSame([code, stdout, stderr], [native.status, native.stdout, ''], name);
    const headers = execFileSync('readelf', ['-l', image], { encoding: 'utf8' });
    t.notMatch(headers, /INTERP/, 'a static image, which needs nothing else');
  }
});

t.test('bd0.h works beside musl', async (t) => {
  const image = join(t.testdir({}), 'vmos');
  const compiled = await bd0(['cc', '--libc=musl', '-Wall', `${sources}vmos.c`, '-o', image]);
  t.strictSame([compiled.code, compiled.stderr], [0, '']);
  const { code, stdout, stderr } = await bd0(['run', image]);
  t.strictSame([code, stderr], [0, '']);
  t.match(stdout, /^[0-9a-f]{16} 12288 0\n0\n0 1\n$/);
});

t.test('what musl cannot do is refused', async (t) => {
  const refused = async (words: readonly string[], message: RegExp, env?: NodeJS.ProcessEnv): Promise<void> => {
    const { code, stderr } = await bd0(['cc', ...words], env && { env });
    t.equal(code, 125);
    t.match(stderr, message);
  };
  await refused(['--libc', 'musk', 'x.c', '-o', 'x'], /--libc cannot be 'musk': did you mean 'musl'/);
  await refused(['--libc', 'musl', 'x.cpp', '-o', 'x'], /'x.cpp' is C\+\+/);
  const none = /needs musl-gcc: on Debian, apt install musl-tools/;
  await refused(['--libc', 'musl', 'x.c', '-o', 'x'], none, { PATH: '/usr/sbin' });
});
