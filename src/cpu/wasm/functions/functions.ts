import type { ValueTypeName } from '../encoding/code.js';
import type { WasmModule } from '../encoding/module.js';
import { addExtendedFunctions, type ExtendedFunction } from './extended/functions.js';
import { EXTENDED_TYPE } from './extended/parts.js';
import { CARRYLESS_TYPE, SUBSTITUTE_TYPE, addCarrylessProduct, addSubstitute } from './cryptography.js';
import { addLaneFunctions } from './lanes/functions.js';
import { addFloatFunctions, typeOfFloatFunction, type FloatFunction } from './float-functions.js';
import { addCross, addUncross } from './page-crossing.js';
import { addPartLookup } from './part-lookup.js';
import { COMPARE_STRINGS_TYPE, addCompareStrings } from './string-comparison.js';
import { addDivide, addMultiplyHigh, addShiftRightWide } from './wide-arithmetic.js';

/**
 * Functions that compiled code calls instead of having their code in line. The interpreter's module has them, and exports
 * them to code regions under their names.
 */
export type CompiledFunction =
  | FloatFunction
  | ExtendedFunction
  /** (high, low, divisor) → quotient and remainder, all i64; high < divisor. */
  | 'divide128'
  /** See cryptography.ts. */
  | 'substitute'
  | 'substituteInverse'
  | 'carrylessProduct'
  /** See string-comparison.ts. */
  | 'compareStrings'
  /** See page-crossing.ts. */
  | 'cross'
  | 'uncross'
  /** See part-lookup.ts. */
  | 'lookUpPart';

interface FunctionType {
  readonly parameters: readonly ValueTypeName[];
  readonly results: readonly ValueTypeName[];
}

export function typeOfFunction(name: CompiledFunction): FunctionType {
  switch (name) {
    case 'divide128':
      return { parameters: ['i64', 'i64', 'i64'], results: ['i64', 'i64'] };
    case 'substitute':
    case 'substituteInverse':
      return SUBSTITUTE_TYPE;
    case 'carrylessProduct':
      return CARRYLESS_TYPE;
    case 'compareStrings':
      return COMPARE_STRINGS_TYPE;
    case 'cross':
      return { parameters: ['i64', 'i32', 'i32'], results: ['i32'] };
    case 'lookUpPart':
      return { parameters: ['i64', 'i32'], results: ['i32'] };
    case 'uncross':
      return { parameters: ['i32'], results: [] };
    default:
      return isExtended(name) ? EXTENDED_TYPE : typeOfFloatFunction(name);
  }
}

function isExtended(name: FloatFunction | ExtendedFunction): name is ExtendedFunction {
  return name.startsWith('x87.');
}

/** Adds all functions to a module; returns their indexes. */
export function addFunctions(module: WasmModule): ReadonlyMap<string, number> {
  const multiplyHigh = addMultiplyHigh(module);
  const divide = addDivide(module, 'divide128');
  const lanes = addLaneFunctions(module, { multiplyHigh, shiftRightWide: addShiftRightWide(module) });
  const extended = addExtendedFunctions(module, { multiplyHigh, divide, ...lanes });
  const indexes = new Map<string, number>([...addFloatFunctions(module, lanes), ...extended]).set('divide128', divide);
  indexes.set('cross', addCross(module, 'cross')).set('uncross', addUncross(module, 'uncross'));
  for (const name of ['substitute', 'substituteInverse'] as const)
    indexes.set(name, addSubstitute(module, name, name === 'substituteInverse'));
  indexes.set('carrylessProduct', addCarrylessProduct(module, 'carrylessProduct'));
  indexes.set('compareStrings', addCompareStrings(module, 'compareStrings'));
  return indexes.set('lookUpPart', addPartLookup(module, 'lookUpPart'));
}
