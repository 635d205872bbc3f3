import type { Mmu } from '../../mmu/mmu.js';
import type { Form } from '../meaning/form.js';
import { Vector } from '../state/exceptions.js';
import { CR0_EM, CR0_MP, CR0_TS, CR4_OSFXSR, CR4_TSD } from './control-registers.js';

type Kind = 'x87' | 'mmx' | 'sse' | 'wait' | 'save' | 'bases' | 'time' | undefined;

const kinds = new WeakMap<Form['row'], Kind>();

function kindOf(row: Form['row']): Kind {
  if (!kinds.has(row)) kinds.set(row, findKind(row));
  return kinds.get(row);
}

function findKind({ mnemonic, feature, operands }: Form['row']): Kind {
  if (mnemonic === 'FWAIT') return 'wait';
  if (/^FX(SAVE|RSTOR)/.test(mnemonic)) return 'save';
  if (feature === 'FSGSBASE') return 'bases';
  if (mnemonic === 'RDTSC' || mnemonic === 'RDTSCP') return 'time';
  if (operands.some(({ file }) => file === 'xmm') || /^(LD|ST)MXCSR$/.test(mnemonic)) return 'sse';
  if (mnemonic === 'EMMS' || operands.some(({ file }) => file === 'mmx')) return 'mmx';
  return feature === 'FPU' || mnemonic === 'FISTTP' ? 'x87' : undefined;
}

/**
 * Instructions that CR0.EM, CR0.TS, CR4.OSFXSR and CR4.TSD forbid. SDM Vol. 3A table 13-1 "Action Taken for Combinations of OSFXSR,
 * OSXMMEXCPT, ... EM, MP, and TS", table 2-2.
 */
export class FloatRules {
  /** Whether there may be such instructions: all of SSE until a kernel sets CR4.OSFXSR. */
  isStrict = false;

  constructor(private readonly controls: Pick<Mmu, 'cr0' | 'cr4' | 'cpl'>) {}

  /** Takes over what the control registers say; returns true if that may change which instructions are forbidden. */
  update(): boolean {
    const { cr0, cr4 } = this.controls;
    const isStrict = (cr0 & (CR0_EM | CR0_TS)) !== 0 || (cr4 & (CR4_OSFXSR | CR4_TSD)) !== CR4_OSFXSR;
    const changes = isStrict || isStrict !== this.isStrict;
    this.isStrict = isStrict;
    return changes;
  }

  /** Whether the rules look at an instruction at all. */
  concerns({ row }: Form): boolean {
    return kindOf(row) !== undefined;
  }

  /** The exception that an instruction raises because of the rules. */
  faultOf({ row }: Form): number | undefined {
    const { cr0, cr4, cpl } = this.controls;
    switch (kindOf(row)) {
      case 'x87':
      case 'save':
        return cr0 & (CR0_EM | CR0_TS) ? Vector.NM : undefined;
      case 'wait':
        return cr0 & CR0_MP && cr0 & CR0_TS ? Vector.NM : undefined;
      case 'mmx':
        return cr0 & CR0_EM ? Vector.UD : cr0 & CR0_TS ? Vector.NM : undefined;
      case 'sse':
        if (cr0 & CR0_EM || !(cr4 & CR4_OSFXSR)) return Vector.UD;
        return cr0 & CR0_TS ? Vector.NM : undefined;
      case 'time':
        return cr4 & CR4_TSD && cpl === 3 ? Vector.GP : undefined;
      case 'bases':
        // CR4.FSGSBASE is reserved.
        return Vector.UD;
      default:
        return undefined;
    }
  }
}
