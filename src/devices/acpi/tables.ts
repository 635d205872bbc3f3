/** The ACPI tables of the machine, as firmware would leave them in memory. ACPI Specification 6.4, 5.2. */
import { concatenated, roundUp } from '../../bits.js';
import { IO_APIC_BASE, TIMER_PIN } from '../apic/io-apic.js';
import { LOCAL_APIC_BASE } from '../apic/local-apic.js';
import { HPET_BASE, HPET_CAPABILITIES } from '../hpet.js';
import { RESET_PORT, RESET_VALUE } from '../pci/configuration-ports.js';
import { PCI_IRQS } from '../pci/pci-devices.js';
import { CENTURY } from '../rtc.js';
import { buffer, device, integer, littleEndian, named, packageOf, plugAndPlay, scope } from './aml.js';
import { POWER_PORTS, SLEEP_OFF } from './power-management.js';

/** Where the root pointer is, and the tables behind it: in the ROM area below 1 MiB, where kernels search for it. */
export const ROOT_POINTER = 0xf_0000;

const HEADER_BYTES = 36;
const TABLE_ALIGNMENT = 64;
const ROOT_POINTER_BYTES = 36;
const FIRST_PART_BYTES = 20;

const SCI_IRQ = 9;
const LEVEL_HIGH = 0b1101;
const SLOTS = 32;
const HIGHEST_WINDOW = 0xfec0_0000;
const LOWEST_WINDOW = 0xc000_0000;

/** Bytes and where they go in memory. */
interface PlacedBytes {
  readonly physical: number;
  readonly bytes: Uint8Array;
}

/** The tables of a machine with so much memory. */
export function acpiTables(memoryBytes: number): PlacedBytes {
  const placed: PlacedBytes[] = [];
  let next = ROOT_POINTER + TABLE_ALIGNMENT;
  const place = (bytes: Uint8Array): number => {
    const physical = next;
    placed.push({ physical, bytes });
    next = roundUp(physical + bytes.length, TABLE_ALIGNMENT);
    return physical;
  };
  const control = place(firmwareControl());
  const description = place(table('DSDT', 2, [namespace(memoryBytes)]));
  const others = [fixedDescription(control, description), interruptDescription(), hpetDescription()];
  const addresses = others.map(place);
  const root = place(table('XSDT', 1, [Uint8Array.from(addresses.flatMap((address) => littleEndian(address, 8)))]));
  placed.unshift({ physical: ROOT_POINTER, bytes: rootPointer(root) });
  const bytes = new Uint8Array(next - ROOT_POINTER);
  for (const part of placed) bytes.set(part.bytes, part.physical - ROOT_POINTER);
  return { physical: ROOT_POINTER, bytes };
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function words(...values: readonly (readonly [value: number, bytes: number])[]): Uint8Array {
  return Uint8Array.from(values.flatMap(([value, bytes]) => littleEndian(value, bytes)));
}

/** The byte that makes the sum of some bytes 0. */
function checksum(bytes: Uint8Array): number {
  return -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff;
}

/** A table with its header: 5.2.6. */
function table(signature: string, revision: number, parts: readonly Uint8Array[]): Uint8Array {
  const length = HEADER_BYTES + parts.reduce((sum, { length }) => sum + length, 0);
  const maker = [ascii('BD0   '), ascii('BD0PC   '), words([1, 4]), ascii('BD0 '), words([1, 4])];
  const bytes = concatenated([ascii(signature), words([length, 4], [revision, 1], [0, 1]), ...maker, ...parts]);
  bytes[9] = checksum(bytes);
  return bytes;
}

/** RSDP: 5.2.5.3. */
function rootPointer(root: number): Uint8Array {
  const bytes = concatenated([
    ascii('RSD PTR '),
    words([0, 1]),
    ascii('BD0   '),
    words([2, 1], [0, 4], [ROOT_POINTER_BYTES, 4], [root, 8], [0, 4]),
  ]);
  bytes[8] = checksum(bytes.subarray(0, FIRST_PART_BYTES));
  bytes[32] = checksum(bytes);
  return bytes;
}

/** FACS: 5.2.10. */
function firmwareControl(): Uint8Array {
  const bytes = new Uint8Array(64);
  bytes.set(ascii('FACS'));
  bytes.set(words([64, 4]), 4);
  bytes[32] = 1;
  return bytes;
}

/** A generic address: 5.2.3.2. */
function address(isPort: boolean, bits: number, at: number): Uint8Array {
  return words([isPort ? 1 : 0, 1], [bits, 1], [0, 1], [0, 1], [at, 8]);
}

/** FADT of ACPI 4.0, 244 bytes: 5.2.9. */
function fixedDescription(control: number, description: number): Uint8Array {
  const { events, control: pm1Control, timer } = POWER_PORTS;
  const bytes = new Uint8Array(244 - HEADER_BYTES);
  const put = (at: number, part: Uint8Array): void => bytes.set(part, at - HEADER_BYTES);
  put(36, words([control, 4], [description, 4], [0, 1], [1, 1], [SCI_IRQ, 2]));
  put(56, words([events, 4], [0, 4], [pm1Control, 4], [0, 4], [0, 4], [timer, 4]));
  put(88, words([4, 1], [2, 1], [0, 1], [4, 1]));
  // No C2 and C3: their latencies are too long.
  put(96, words([0xfff, 2], [0xfff, 2]));
  // The century in the clock; devices on ISA, a keyboard controller, no VGA; WBINVD, C1, no fixed buttons, a timer of 32 bits, a reset port.
  put(108, words([CENTURY, 1], [0b111, 2], [0, 1], [0b101_0011_0101, 4]));
  put(116, concatenated([address(true, 8, RESET_PORT), words([RESET_VALUE, 1])]));
  put(132, words([control, 8], [description, 8]));
  put(148, address(true, 32, events));
  put(172, address(true, 16, pm1Control));
  put(208, address(true, 32, timer));
  return table('FACP', 4, [bytes]);
}

/** MADT: 5.2.12. */
function interruptDescription(): Uint8Array {
  const override = (irq: number, pin: number, flags: number): Uint8Array =>
    words([2, 1], [10, 1], [0, 1], [irq, 1], [pin, 4], [flags, 2]);
  return table('APIC', 4, [
    words([LOCAL_APIC_BASE, 4], [1, 4]),
    // The processor, the I/O APIC, and NMI at LINT1.
    words([0, 1], [8, 1], [0, 1], [0, 1], [1, 4]),
    words([1, 1], [12, 1], [0, 1], [0, 1], [IO_APIC_BASE, 4], [0, 4]),
    words([4, 1], [6, 1], [0xff, 1], [0, 2], [1, 1]),
    override(0, TIMER_PIN, 0),
    ...[SCI_IRQ, ...PCI_IRQS].sort((a, b) => a - b).map((irq) => override(irq, irq, LEVEL_HIGH)),
  ]);
}

/** IA-PC HPET Specification 1.0a, 3.2.4. */
function hpetDescription(): Uint8Array {
  return table('HPET', 1, [
    words([HPET_CAPABILITIES, 4]),
    address(false, 64, HPET_BASE),
    words([0, 1], [0x80, 2], [0, 1]),
  ]);
}

/** The DSDT: how the machine is turned off, and the PCI bus with its interrupts. */
function namespace(memoryBytes: number): Uint8Array {
  const routes = Array.from({ length: SLOTS }, (_, slot) =>
    packageOf([integer(slot * 0x1_0000 + 0xffff), integer(0), integer(0), integer(PCI_IRQS[slot % PCI_IRQS.length]!)]),
  );
  const bus = device('PCI0', [
    named('_HID', plugAndPlay('PNP0A03')),
    named('_UID', integer(0)),
    named('_CRS', buffer(busResources(memoryBytes))),
    named('_PRT', packageOf(routes)),
  ]);
  const off = packageOf([integer(SLEEP_OFF), integer(SLEEP_OFF), integer(0), integer(0)]);
  return concatenated([named('\\_S5', off), scope('\\_SB', [bus])]);
}

/** What a bus passes on: 6.4.3.5 "Address Space Resource Descriptors". */
function busResources(memoryBytes: number): Uint8Array {
  const range = (type: number, flags: number, bytes: 2 | 4, [first, last]: readonly [number, number]): Uint8Array => {
    const length = 3 + 5 * bytes;
    const values = [0, first, last, 0, last - first + 1].map((value) => [value, bytes] as const);
    // Bounds are fixed.
    return words([bytes === 2 ? 0x88 : 0x87, 1], [length, 2], [type, 1], [0x0c, 1], [flags, 1], ...values);
  };
  const window = Math.max(LOWEST_WINDOW, roundUp(memoryBytes, 2 ** 20));
  return concatenated([
    range(2, 0, 2, [0, 0xff]),
    Uint8Array.of(0x47, 0x01, 0xf8, 0x0c, 0xf8, 0x0c, 0x01, 0x08),
    range(1, 3, 2, [0, 0xcf7]),
    range(1, 3, 2, [0xd00, 0xffff]),
    range(0, 1, 4, [window, HIGHEST_WINDOW - 1]),
    Uint8Array.of(0x79, 0),
  ]);
}
