/** The ACPI tables in memory: found from the root pointer, with right checksums, and with what kernels look for. */
import t from 'tap';
import { acpiTables } from '../../src/devices/acpi/tables.js';

const { physical, bytes } = acpiTables(256 * 2 ** 20);
const view = new DataView(bytes.buffer);

function partAt(address: number, length: number): Uint8Array {
  return bytes.subarray(address - physical, address - physical + length);
}

function sumOf(part: Uint8Array): number {
  return part.reduce((sum, byte) => sum + byte, 0) & 0xff;
}

function word(address: number): number {
  return view.getUint32(address - physical, true);
}

function signatureAt(address: number): string {
  return String.fromCharCode(...partAt(address, 4));
}

t.test('the tables', async (t) => {
  t.equal(String.fromCharCode(...partAt(physical, 8)), 'RSD PTR ');
  t.equal(sumOf(partAt(physical, 20)), 0);
  t.equal(sumOf(partAt(physical, 36)), 0);
  const root = word(physical + 24);
  t.equal(signatureAt(root), 'XSDT');
  const tables = Array.from({ length: (word(root + 4) - 36) / 8 }, (_, index) => word(root + 36 + 8 * index));
  t.same(tables.map(signatureAt), ['FACP', 'APIC', 'HPET']);
  const fixed = tables[0]!;
  const description = word(fixed + 40);
  t.equal(word(fixed + 140), description, 'both addresses of the DSDT');
  t.equal(signatureAt(description), 'DSDT');
  t.equal(signatureAt(word(fixed + 36)), 'FACS');
  t.equal(word(fixed + 36) % 64, 0);
  for (const table of [root, ...tables, description])
    t.equal(sumOf(partAt(table, word(table + 4))), 0, `the checksum of ${signatureAt(table)}`);
  t.ok(physical + bytes.length <= 0x10_0000, 'they end below 1 MiB');
  t.equal(word(fixed + 4), 244);
});

/** The lengths of packages in AML nest: each term ends where its parent does, or before. */
t.test('the DSDT is well formed', async (t) => {
  const description = word(word(word(physical + 24) + 36) + 40);
  const code = partAt(description, word(description + 4)).subarray(36);
  let at = 0;
  const take = (): number => code[at++]!;
  const packageEnd = (): number => {
    const start = at;
    const first = take();
    const followers = first >> 6;
    let length = followers === 0 ? first & 0x3f : first & 0xf;
    for (let byte = 0; byte < followers; byte++) length |= take() << (4 + 8 * byte);
    return start + length;
  };
  const names: string[] = [];
  const name = (): void => {
    if (code[at] === 0x5c) at++;
    names.push(String.fromCharCode(...code.subarray(at, at + 4)));
    at += 4;
  };
  const constant = (): number => {
    const width = { 0x00: 0, 0x01: 0, 0x0a: 1, 0x0b: 2, 0x0c: 4 }[take()];
    if (width === undefined) throw new Error(`no constant at ${at - 1}`);
    let value = 0;
    for (let byte = 0; byte < width; byte++) value += take() * 2 ** (8 * byte);
    return value;
  };
  const value = (): void => {
    if (code[at] === 0x12) {
      at++;
      const end = packageEnd();
      for (let count = take(); count > 0; count--) value();
      t.equal(at, end, 'a package');
    } else if (code[at] === 0x11) {
      at++;
      const end = packageEnd();
      const length = constant();
      at += length;
      t.equal(at, end, 'a buffer');
    } else constant();
  };
  const terms = (end: number): void => {
    while (at < end) {
      const opcode = take();
      if (opcode === 0x08) {
        name();
        value();
      } else if (opcode === 0x10 || (opcode === 0x5b && take() === 0x82)) {
        const inner = packageEnd();
        name();
        terms(inner);
      } else throw new Error(`no term at ${at - 1}`);
    }
    t.equal(at, end, 'a list of terms');
  };
  terms(code.length);
  t.same(names, ['_S5_', '_SB_', 'PCI0', '_HID', '_UID', '_CRS', '_PRT']);
});
