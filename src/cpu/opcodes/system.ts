import type { RowDraft } from './row-syntax.js';

export const SYSTEM_ROWS: RowDraft[] = [].flat();
