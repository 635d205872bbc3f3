/** Names of C++: GNU c++filt is the judge of those in the C++ library, names by hand of what it has not. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { demangled } from '../../src/debug/symbols/demangle.js';
import fc from '../support/fast-check.js';
import { isInstalled, requireCommand } from '../support/guest-programs.js';
import { seedOf } from '../support/volume.js';

t.setTimeout(0);

function outputOf(command: string, words: readonly string[], input = ''): string {
  const { stdout, status } = spawnSync(command, words, { input, encoding: 'utf8', maxBuffer: 2 ** 30 });
  if (status !== 0) throw new Error(`${command} ${words.join(' ')} failed`);
  return stdout;
}

/** The mangled names of the C++ library that g++ links statically; without g++, of the one that Node has loaded. */
function namesOfLibrary(): string[] {
  const loaded = /\/\S*\/libstdc\+\+\.so\S*/.exec(readFileSync('/proc/self/maps', 'utf8'))?.[0];
  if (loaded === undefined) requireCommand('g++', 'g++');
  const options = isInstalled('g++')
    ? [outputOf('g++', ['-print-file-name=libstdc++.a']).trim()]
    : ['--dynamic', '--without-symbol-versions', loaded!];
  const names = outputOf('nm', ['--defined-only', '--format=posix', ...options]).split('\n');
  return [...new Set(names.map((line) => line.split(' ')[0]!).filter((name) => name.startsWith('_Z')))];
}

for (const command of ['nm', 'c++filt']) requireCommand(command, 'binutils');

/** GNU leaves the space between two closing brackets out after an empty pack. */
const spaceless = (name: string): string => name.replace(/>(?: >)+/g, (brackets) => brackets.replaceAll(' ', ''));

t.test('all names of the C++ library', async (t) => {
  const names = namesOfLibrary();
  const theirs = outputOf('c++filt', [], `${names.join('\n')}\n`).split('\n');
  const wrong = names.flatMap((name, i) => {
    const ours = demangled(name);
    return spaceless(ours) === spaceless(theirs[i]!) ? [] : [{ name, ours, theirs: theirs[i] }];
  });
  t.comment(`${names.length - wrong.length} of ${names.length} names are those of c++filt`);
  t.ok(names.length > 1000);
  t.strictSame(wrong.slice(0, 5), []);
});

const EXAMPLES: Readonly<Record<string, string>> = {
  _Z4mainv: 'main()',
  _ZN4shop4sellEi: 'shop::sell(int)',
  _ZNK4shop4Item5priceEv: 'shop::Item::price() const',
  _ZN4shop4ItemC2ERKS0_: 'shop::Item::Item(shop::Item const&)',
  _ZN4shop4ItemD0Ev: 'shop::Item::~Item()',
  _ZNSt6vectorIiSaIiEE9push_backERKi: 'std::vector<int, std::allocator<int> >::push_back(int const&)',
  _ZStlsISt11char_traitsIcEERSt13basic_ostreamIcT_ES5_PKc:
    'std::basic_ostream<char, std::char_traits<char> >& std::operator<< <std::char_traits<char> >(std::basic_ostream<char, std::char_traits<char> >&, char const*)',
  _ZN1A6taggedB5cxx11Ev: 'A::tagged[abi:cxx11]()',
  _ZN12_GLOBAL__N_14anonEi: '(anonymous namespace)::anon(int)',
  _ZTV1D: 'vtable for D',
  _ZTI1D: 'typeinfo for D',
  _ZThn8_N1D1wEv: 'non-virtual thunk to D::w()',
  _ZTv0_n24_N1D1vEv: 'virtual thunk to D::v()',
  _ZTch0_v0_n24_N1D1cEv: 'covariant return thunk to D::c()',
  _ZGVZ3locvE1s: 'guard variable for loc()::s',
  _ZGR3ref_: 'reference temporary #0 for ref',
  '_Z3locv.part.0.cold': 'loc() [clone .part.0] [clone .cold]',
  _ZZ2tlIiEvT_ENKUliE_clEi: 'tl<int>(int)::{lambda(int)#1}::operator()(int) const',
  _ZN1AcvPT_IiEEv: 'A::operator int*<int>()',
  _Z2f3IiEPFicET_: 'int (*f3<int>(int))(char)',
  _Z2f1PFicERA5_iMN1A1BEFiiE: 'f1(int (*)(char), int (&) [5], int (A::B::*)(int))',
  _Z2f8IJicEEvDpPSt4pairIT_S1_E: 'void f8<int, char>(std::pair<int, int>*, std::pair<char, char>*)',
  _Z2f9IlENSt9enable_ifIXgtstT_Li4EES1_E4typeES1_: 'std::enable_if<((sizeof (long))>(4)), long>::type f9<long>(long)',
  _Z3f11ILb1ELc97ELm5ELln3EEvv: 'void f11<true, (char)97, 5ul, -3l>()',
  _Z2rcIRiEvOT_: 'void rc<int&>(int&)',
  _Z4foldIJicEE1IIXfrplstT_EEDpS1_: 'I<((sizeof (int, char))+...)> fold<int, char>(int, char)',
};

t.test('names of all kinds', async (t) => {
  for (const [name, text] of Object.entries(EXAMPLES)) t.equal(demangled(name), text, name);
});

t.test('names that are not of C++, and malformed ones, stay as they are', async (t) => {
  const names = [
    'main',
    '',
    '_',
    '_Z',
    '_Zx',
    '_ZN',
    '_ZN1AE1',
    '_Z3ab',
    '_Z99999999999a',
    '_Z1fS_',
    '_Z1fT_',
    '_Z1fi junk',
  ];
  for (const name of names) t.equal(demangled(name), name);
});

t.test('a short name for an endless text stays as it is', async (t) => {
  // Each parameter has the pair of the one before twice: 2 to the power of 40.
  const pair = (number: number): string => `S${number.toString(36).toUpperCase()}_`;
  const parameters = Array.from({ length: 40 }, (_, i) => `S_I${pair(i)}${pair(i)}E`).join('');
  const name = `_Z1f4pairIiiE${parameters}`;
  t.equal(demangled(name), name);
  for (const deep of [`_Z1f${'P'.repeat(9000)}i`, `_Z1fA${'_A'.repeat(3000)}_i`, `_Z1a${'B1b'.repeat(5000)}`])
    t.equal(demangled(deep), deep);
  const chained = `_Z1fPi${Array.from({ length: 3000 }, (_, i) => `P${i === 0 ? 'S_' : pair(i - 1)}`).join('')}`;
  t.equal(demangled(chained), chained);
});

t.test('no name makes it throw', async () => {
  const parts = fc.constantFrom(...Object.keys(EXAMPLES).flatMap((name) => name.slice(2).match(/[A-Z_]+|[a-z]+|[0-9]+/g)!)); // prettier-ignore
  const made = fc.array(parts, { maxLength: 30 }).map((list) => `_Z${list.join('')}`);
  const cut = fc
    .tuple(fc.constantFrom(...Object.keys(EXAMPLES)), fc.nat(80), fc.nat(20), parts)
    .map(([name, at, length, part]) => name.slice(0, at) + part + name.slice(at + length));
  fc.assert(
    fc.property(fc.oneof(made, cut, fc.string()), (name) => typeof demangled(name) === 'string'),
    { numRuns: 20_000, seed: seedOf(1) },
  );
});
