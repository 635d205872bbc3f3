import type { Mmu } from '../../mmu/mmu.js';
import type { Form } from '../meaning/form.js';
import { Vector } from '../state/exceptions.js';
import type { CpuModel } from '../state/model.js';
import { CR4_FSGSBASE, CR4_OSXSAVE, bareFeatures } from './bare-features.js';
import type { SystemState } from './system-state.js';
import { CR0_EM, CR0_MP, CR0_TS, CR4_OSFXSR, CR4_TSD } from './control-registers.js';

type Kind =
  'x87' | 'mmx' | 'sse' | 'wait' | 'save' | 'bases' | 'time' | 'avx' | 'state' | 'control' | 'access' | undefined;

/** x87, SSE and AVX in XCR0. */
const ALL_COMPONENTS = 7n;

const kinds = new WeakMap<Form['row'], Kind>();

function kindOf(row: Form['row']): Kind {
  if (!kinds.has(row)) kinds.set(row, findKind(row));
  return kinds.get(row);
}

function findKind({ mnemonic, feature, operands, pattern }: Form['row']): Kind {
  if (/^X[GS]ETBV$/.test(mnemonic)) return 'control';
  if (/^XS|^XRSTOR/.test(mnemonic)) return 'state';
  if (pattern.vex && (/MXCSR$/.test(mnemonic) || operands.some(({ file }) => file === 'xmm') || operands.length === 0))
    return 'avx';
  if (mnemonic === 'FWAIT') return 'wait';
  if (/^FX(SAVE|RSTOR)/.test(mnemonic)) return 'save';
  if (feature === 'FSGSBASE') return 'bases';
  if (feature === 'SMAP') return 'access';
  if (mnemonic === 'RDTSC' || mnemonic === 'RDTSCP') return 'time';
  if (operands.some(({ file }) => file === 'xmm') || /^(LD|ST)MXCSR$/.test(mnemonic)) return 'sse';
  if (mnemonic === 'EMMS' || operands.some(({ file }) => file === 'mmx')) return 'mmx';
  return feature === 'FPU' || mnemonic === 'FISTTP' ? 'x87' : undefined;
}

/**
 * Instructions that CR0.EM, CR0.TS, CR4.OSFXSR, OSXSAVE, FSGSBASE and TSD, and XCR0 forbid. SDM Vol. 3A table 13-1 "Action Taken for Combinations of OSFXSR,
 * OSXMMEXCPT, ... EM, MP, and TS", table 2-2.
 */
export class FloatRules {
  /** Whether there may be such instructions: all of SSE until a kernel sets CR4.OSFXSR. */
  isStrict = false;

  private readonly hasXsave: boolean;
  private readonly hasBases: boolean;
  private readonly hasAccessFlag: boolean;

  constructor(
    private readonly controls: Pick<Mmu, 'cr0' | 'cr4' | 'cpl'>,
    private readonly state: Pick<SystemState, 'extendedControl'>,
    model: CpuModel,
  ) {
    this.hasXsave = bareFeatures(model).has('XSAVE');
    this.hasBases = bareFeatures(model).has('FSGSBASE');
    this.hasAccessFlag = bareFeatures(model).has('SMAP');
  }

  /** Whether kernels have turned on AVX: CR4.OSXSAVE, and SSE and AVX in XCR0. */
  private get hasAvx(): boolean {
    return (this.controls.cr4 & CR4_OSXSAVE) !== 0 && this.state.extendedControl === ALL_COMPONENTS;
  }

  /** Takes over what the control registers say; returns true if that may change which instructions are forbidden. */
  update(): boolean {
    const { cr0, cr4 } = this.controls;
    const isStrict =
      (cr0 & (CR0_EM | CR0_TS)) !== 0 ||
      (cr4 & (CR4_OSFXSR | CR4_TSD)) !== CR4_OSFXSR ||
      (this.hasXsave && !this.hasAvx) ||
      (this.hasBases && !(cr4 & CR4_FSGSBASE));
    const changes = isStrict || isStrict !== this.isStrict;
    this.isStrict = isStrict;
    return changes;
  }

  /** Whether the rules may forbid an instruction; RDTSC, which kernels execute often, only while CR4.TSD is set. */
  concerns({ row }: Form): boolean {
    const kind = kindOf(row);
    return kind === 'time' ? (this.controls.cr4 & CR4_TSD) !== 0 : kind !== undefined;
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
        return cr4 & CR4_FSGSBASE ? undefined : Vector.UD;
      case 'access':
        return this.hasAccessFlag ? undefined : Vector.UD;
      case 'control':
        return cr4 & CR4_OSXSAVE ? undefined : Vector.UD;
      case 'state':
        return !(cr4 & CR4_OSXSAVE) ? Vector.UD : cr0 & CR0_TS ? Vector.NM : undefined;
      case 'avx':
        return !this.hasAvx ? Vector.UD : cr0 & CR0_TS ? Vector.NM : undefined;
      default:
        return undefined;
    }
  }
}
