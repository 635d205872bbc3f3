/** The REX prefix, 0100WRXB. VEX prefixes are converted to the same form. SDM Vol. 2A 2.2.1.2. */
export const REX = 0x40;
export const REX_B = 1;
export const REX_X = 2;
export const REX_R = 4;
export const REX_W = 8;
