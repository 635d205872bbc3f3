/**
 * A second, simple and slow implementation of the walk on bigints, which follows the tables and bullets of SDM Vol. 3A
 * 4.5 to 4.8 literally. It shares no code with src/mmu.
 */

export interface Controls {
  cr3: bigint;
  wp: boolean;
  smep: boolean;
  smap: boolean;
  nxe: boolean;
  ac: boolean;
}

export interface Access {
  kind: 'read' | 'write' | 'fetch';
  mode: 'user' | 'supervisor';
  implicit: boolean;
}

export interface Translation {
  physical: bigint;
  pageBytes: bigint;
  /** Physical addresses of the entries used, the PML4E first. */
  entries: bigint[];
}

export interface Fault {
  /** Flags of the error code by their names in figure 4-12. */
  fault: { P: boolean; WR: boolean; US: boolean; RSVD: boolean; ID: boolean };
}

type Format = 'PML4E' | 'PDPTE' | 'PDPTE of a page' | 'PDE' | 'PDE of a page' | 'PTE';

const M = 40n;

/** Tables 4-15 to 4-20: the rows "Reserved (must be 0)", as [high bit, low bit], and the address they give. */
const formats: Record<Format, { reserved: [bigint, bigint][]; address: [bigint, bigint]; pageBits?: bigint }> = {
  PML4E: {
    reserved: [
      [7n, 7n],
      [51n, M],
    ],
    address: [M - 1n, 12n],
  },
  'PDPTE of a page': {
    reserved: [
      [29n, 13n],
      [51n, M],
    ],
    address: [M - 1n, 30n],
    pageBits: 30n,
  },
  PDPTE: { reserved: [[51n, M]], address: [M - 1n, 12n] },
  'PDE of a page': {
    reserved: [
      [20n, 13n],
      [51n, M],
    ],
    address: [M - 1n, 21n],
    pageBits: 21n,
  },
  PDE: { reserved: [[51n, M]], address: [M - 1n, 12n] },
  PTE: { reserved: [[51n, M]], address: [M - 1n, 12n], pageBits: 12n },
};

/** 4.5.4: the bits of the linear address that select an entry. */
const selectors: Record<'PML4E' | 'PDPTE' | 'PDE' | 'PTE', [bigint, bigint]> = {
  PML4E: [47n, 39n],
  PDPTE: [38n, 30n],
  PDE: [29n, 21n],
  PTE: [20n, 12n],
};

export function bits(value: bigint, [high, low]: [bigint, bigint]): bigint {
  return (value >> low) & ((1n << (high - low + 1n)) - 1n);
}

function bit(value: bigint, index: bigint): boolean {
  return bits(value, [index, index]) === 1n;
}

/** The translation of a linear address, or the reason why it fails. */
export function translate(
  read64: (physical: bigint) => bigint,
  controls: Controls,
  access: Access,
  linear: bigint,
): Translation | Fault {
  const entries: bigint[] = [];
  const values: bigint[] = [];
  let table = bits(controls.cr3, [M - 1n, 12n]) << 12n;
  for (const name of ['PML4E', 'PDPTE', 'PDE', 'PTE'] as const) {
    const address = table + bits(linear, selectors[name]) * 8n;
    const value = read64(address);
    if (!bit(value, 0n)) return { fault: faultOf(controls, access, false, false) };
    const format: Format = (name === 'PDPTE' || name === 'PDE') && bit(value, 7n) ? `${name} of a page` : name;
    const { reserved, address: field, pageBits } = formats[format];
    const xdReserved = !controls.nxe && bit(value, 63n);
    if (xdReserved || reserved.some((range) => bits(value, range) !== 0n))
      return { fault: faultOf(controls, access, true, true) };
    entries.push(address);
    values.push(value);
    table = bits(value, field) << field[1];
    if (pageBits === undefined) continue;
    if (!isAllowed(controls, access, values)) return { fault: faultOf(controls, access, true, false) };
    return { physical: table + bits(linear, [pageBits - 1n, 0n]), pageBytes: 1n << pageBits, entries };
  }
  throw new Error('a PTE always maps a page');
}

/** 4.6.1 "Determination of Access Rights", bullet by bullet. */
function isAllowed(controls: Controls, access: Access, entries: bigint[]): boolean {
  const { wp, smap, smep, nxe, ac } = controls;
  const isUserModeAddress = entries.every((entry) => bit(entry, 2n));
  const everyRW = entries.every((entry) => bit(entry, 1n));
  const everyXDClear = entries.every((entry) => !bit(entry, 63n));
  const rules: Record<Access['mode'], Record<Access['kind'], Record<'user' | 'supervisor', () => boolean>>> = {
    supervisor: {
      read: {
        supervisor: () => true,
        user: () => {
          if (!smap) return true;
          return access.implicit ? false : ac;
        },
      },
      write: {
        supervisor: () => (wp ? everyRW : true),
        user: () => {
          if (!wp && !smap) return true;
          if (!wp && smap) return !access.implicit && ac;
          if (wp && !smap) return everyRW;
          return !access.implicit && ac && everyRW;
        },
      },
      fetch: {
        supervisor: () => (nxe ? everyXDClear : true),
        user: () => {
          if (smep) return false;
          return nxe ? everyXDClear : true;
        },
      },
    },
    user: {
      read: { user: () => true, supervisor: () => false },
      write: { user: () => everyRW, supervisor: () => false },
      fetch: { user: () => (nxe ? everyXDClear : true), supervisor: () => false },
    },
  };
  return rules[access.mode][access.kind][isUserModeAddress ? 'user' : 'supervisor']();
}

/** 4.7 "Page-Fault Exceptions": the flags of the error code. */
function faultOf(controls: Controls, access: Access, P: boolean, RSVD: boolean): Fault['fault'] {
  return {
    P,
    WR: access.kind === 'write',
    US: access.mode === 'user',
    RSVD,
    ID: access.kind === 'fetch' && (controls.smep || controls.nxe),
  };
}

/** The error code as the CPU pushes it: figure 4-12. */
export function errorCodeOf({ P, WR, US, RSVD, ID }: Fault['fault']): number {
  return Number(P) * 1 + Number(WR) * 2 + Number(US) * 4 + Number(RSVD) * 8 + Number(ID) * 16;
}
