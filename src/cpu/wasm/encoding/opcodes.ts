/**
 * Encodings of the WebAssembly instructions that the emitters use, by their names in the text format. WebAssembly Core
 * Specification 2.0, chapter 5.4. For vector instructions, the bytes after the prefix FD.
 */
export const WASM_OPCODES = {
  unreachable: 0x00, return: 0x0f, select: 0x1b,
  'i32.eqz': 0x45, 'i32.eq': 0x46, 'i32.ne': 0x47, 'i32.lt_s': 0x48, 'i32.lt_u': 0x49, 'i32.gt_s': 0x4a, 'i32.le_u': 0x4d, 'i32.ge_s': 0x4e, 'i32.ge_u': 0x4f,
  'i64.eqz': 0x50, 'i64.eq': 0x51, 'i64.ne': 0x52, 'i64.lt_s': 0x53, 'i64.lt_u': 0x54, 'i64.ge_u': 0x5a,
  'f32.eq': 0x5b, 'f32.ne': 0x5c, 'f32.lt': 0x5d, 'f32.gt': 0x5e,
  'f64.eq': 0x61, 'f64.ne': 0x62, 'f64.lt': 0x63, 'f64.gt': 0x64,
  'i32.clz': 0x67, 'i32.ctz': 0x68, 'i32.popcnt': 0x69, 'i32.add': 0x6a, 'i32.sub': 0x6b, 'i32.mul': 0x6c, 'i32.and': 0x71, 'i32.or': 0x72, 'i32.xor': 0x73, 'i32.shl': 0x74,
  'i32.shr_s': 0x75, 'i32.shr_u': 0x76, 'i32.rotl': 0x77, 'i32.rotr': 0x78,
  'i64.clz': 0x79, 'i64.ctz': 0x7a, 'i64.popcnt': 0x7b, 'i64.add': 0x7c, 'i64.sub': 0x7d, 'i64.mul': 0x7e,
  'i64.div_u': 0x80, 'i64.rem_u': 0x82, 'i64.and': 0x83, 'i64.or': 0x84, 'i64.xor': 0x85, 'i64.shl': 0x86,
  'i64.shr_s': 0x87, 'i64.shr_u': 0x88, 'i64.rotl': 0x89, 'i64.rotr': 0x8a, 'f32.ceil': 0x8d, 'f32.floor': 0x8e, 'f64.ceil': 0x9b, 'f64.floor': 0x9c, 'f32.nearest': 0x90, 'f32.trunc': 0x8f, 'f32.sqrt': 0x91, 'f32.add': 0x92, 'f32.sub': 0x93,
  'f32.mul': 0x94, 'f32.div': 0x95, 'f64.trunc': 0x9d, 'f64.nearest': 0x9e, 'f64.sqrt': 0x9f,
  'f64.add': 0xa0, 'f64.sub': 0xa1, 'f64.mul': 0xa2, 'f64.div': 0xa3,
  'i32.wrap_i64': 0xa7, 'i64.extend_i32_s': 0xac, 'i64.extend_i32_u': 0xad,
  'i32.trunc_f32_s': 0xa8, 'i32.trunc_f64_s': 0xaa, 'i64.trunc_f32_s': 0xae, 'i64.trunc_f64_s': 0xb0,
  'f32.convert_i32_s': 0xb2, 'f32.convert_i64_s': 0xb4, 'f32.demote_f64': 0xb6,
  'f64.convert_i32_s': 0xb7, 'f64.convert_i64_s': 0xb9, 'f64.promote_f32': 0xbb,
  'i32.reinterpret_f32': 0xbc, 'i64.reinterpret_f64': 0xbd, 'f32.reinterpret_i32': 0xbe, 'f64.reinterpret_i64': 0xbf,
  'i32.extend8_s': 0xc0, 'i32.extend16_s': 0xc1,
} as const; // prettier-ignore

export type WasmInstruction = keyof typeof WASM_OPCODES;

/** Loads and stores: opcode and the natural alignment's log2. */
export const WASM_MEMORY_OPCODES = {
  'i32.load': [0x28, 2], 'i64.load': [0x29, 3], 'i32.load8_u': [0x2d, 0], 'i32.load16_u': [0x2f, 1], 'i32.store': [0x36, 2], 'i64.store': [0x37, 3], 'i32.store8': [0x3a, 0],
  'i32.store16': [0x3b, 1], 'i64.load8_u': [0x31, 0],
} as const; // prettier-ignore

export type WasmMemoryInstruction = keyof typeof WASM_MEMORY_OPCODES;

/** Vector instructions without immediates: their numbers after the prefix FD. */
export const WASM_VECTOR_OPCODES = {
  'i8x16.swizzle': 14, 'i8x16.splat': 15, 'i16x8.splat': 16, 'i32x4.splat': 17, 'i64x2.splat': 18,
  'i8x16.eq': 35, 'i8x16.gt_s': 39, 'i16x8.eq': 45, 'i16x8.gt_s': 49, 'i32x4.eq': 55, 'i32x4.gt_s': 59,
  'f32x4.eq': 65, 'f32x4.ne': 66, 'f32x4.lt': 67, 'f32x4.gt': 68, 'f32x4.le': 69, 'f32x4.ge': 70, 'f64x2.eq': 71, 'f64x2.ne': 72, 'f64x2.lt': 73, 'f64x2.gt': 74, 'f64x2.le': 75, 'f64x2.ge': 76, 'v128.and': 78, 'v128.andnot': 79, 'v128.or': 80, 'v128.xor': 81, 'v128.bitselect': 82, 'v128.any_true': 83,
  'f32x4.demote_f64x2_zero': 94, 'f64x2.promote_low_f32x4': 95, 'i8x16.bitmask': 100, 'i8x16.narrow_i16x8_s': 101, 'i8x16.narrow_i16x8_u': 102, 'i8x16.add': 110, 'i8x16.add_sat_s': 111, 'i8x16.add_sat_u': 112, 'i8x16.sub': 113,
  'i8x16.sub_sat_s': 114, 'i8x16.sub_sat_u': 115, 'i8x16.min_u': 119, 'i8x16.max_u': 121, 'i8x16.avgr_u': 123,
  'i16x8.extadd_pairwise_i8x16_u': 125, 'i32x4.extadd_pairwise_i16x8_u': 127, 'i16x8.narrow_i32x4_s': 133, 'i16x8.shl': 139, 'i16x8.shr_s': 140, 'i16x8.shr_u': 141,
  'i16x8.add': 142, 'i16x8.add_sat_s': 143, 'i16x8.add_sat_u': 144, 'i16x8.sub': 145, 'i16x8.sub_sat_s': 146,
  'i16x8.sub_sat_u': 147, 'i16x8.mul': 149, 'i16x8.min_s': 150, 'i16x8.max_s': 152, 'i16x8.avgr_u': 155,
  'i32x4.all_true': 163, 'i32x4.extend_low_i16x8_u': 169, 'i32x4.bitmask': 164, 'i32x4.shl': 171, 'i32x4.shr_s': 172, 'i32x4.shr_u': 173, 'i32x4.add': 174,
  'i32x4.sub': 177, 'i32x4.dot_i16x8_s': 186,
  'i32x4.extmul_low_i16x8_s': 188, 'i32x4.extmul_high_i16x8_s': 189, 'i32x4.extmul_low_i16x8_u': 190, 'i32x4.extmul_high_i16x8_u': 191, 'i64x2.bitmask': 196, 'i64x2.shl': 203, 'i64x2.shr_u': 205, 'i64x2.add': 206, 'i64x2.sub': 209,
  'i64x2.mul': 213,
  'f32x4.abs': 224, 'f32x4.sqrt': 227, 'f32x4.add': 228, 'f32x4.sub': 229, 'f32x4.mul': 230, 'f32x4.div': 231,
  'f32x4.pmin': 234, 'f32x4.pmax': 235,
  'f64x2.abs': 236, 'f64x2.sqrt': 239, 'f64x2.add': 240, 'f64x2.sub': 241, 'f64x2.mul': 242, 'f64x2.div': 243,
  'f64x2.pmin': 246, 'f64x2.pmax': 247,
  'i32x4.trunc_sat_f32x4_s': 248, 'f32x4.convert_i32x4_s': 250, 'i32x4.trunc_sat_f64x2_s_zero': 252, 'f64x2.convert_low_i32x4_s': 254,
  'i8x16.min_s': 118, 'i8x16.max_s': 120, 'i16x8.q15mulr_sat_s': 130, 'i16x8.narrow_i32x4_u': 134, 'i16x8.min_u': 151, 'i16x8.max_u': 153,
  'i32x4.mul': 181, 'i32x4.min_s': 182, 'i32x4.min_u': 183, 'i32x4.max_s': 184, 'i32x4.max_u': 185, 'i64x2.shr_s': 204,
  'v128.not': 77, 'i64x2.eq': 214, 'i64x2.gt_s': 217, 'i64x2.extmul_low_i32x4_s': 220, 'i64x2.extmul_low_i32x4_u': 222, 'i16x8.bitmask': 132,
  'i8x16.ge_s': 43, 'i8x16.ge_u': 44, 'i8x16.le_s': 41, 'i8x16.le_u': 42, 'i16x8.le_s': 51, 'i16x8.le_u': 52,
  'i16x8.ge_s': 53, 'i16x8.ge_u': 54, 'f32x4.ceil': 103, 'f32x4.floor': 104, 'f64x2.ceil': 116, 'f64x2.floor': 117,
  'f32x4.nearest': 106, 'f64x2.nearest': 148, 'f32x4.trunc': 105, 'f64x2.trunc': 122,
} as const; // prettier-ignore

export type WasmVectorInstruction = keyof typeof WASM_VECTOR_OPCODES;

/** Lane access: the number after FD; a lane byte follows. */
export const WASM_LANE_OPCODES = {
  'i16x8.extract_lane_u': 25, 'i32x4.extract_lane': 27, 'i32x4.replace_lane': 28,
  'f32x4.extract_lane': 31, 'f32x4.replace_lane': 32, 'f64x2.extract_lane': 33, 'f64x2.replace_lane': 34,
  'i64x2.extract_lane': 29, 'i64x2.replace_lane': 30, 'i8x16.extract_lane_u': 22, 'i8x16.replace_lane': 23, 'i16x8.replace_lane': 26,
} as const; // prettier-ignore

export type WasmLaneInstruction = keyof typeof WASM_LANE_OPCODES;
