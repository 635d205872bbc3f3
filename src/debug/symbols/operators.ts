/** Codes of operators: Itanium C++ ABI 5.1.3.3 "Operator Encodings", without those that take types. */
export const BINARY_OPERATORS: Readonly<Record<string, string>> = {
  ...{ pl: '+', mi: '-', ml: '*', dv: '/', rm: '%', an: '&', or: '|', eo: '^', aS: '=', pL: '+=', mI: '-=', mL: '*=' },
  ...{ dV: '/=', rM: '%=', aN: '&=', oR: '|=', eO: '^=', ls: '<<', rs: '>>', lS: '<<=', rS: '>>=', eq: '==', ne: '!=' },
  ...{ lt: '<', gt: '>', le: '<=', ge: '>=', ss: '<=>', aa: '&&', oo: '||', cm: ',', pm: '->*', ds: '.*' },
};

export const UNARY_OPERATORS: Readonly<Record<string, string>> = {
  ...{ ps: '+', ng: '-', ad: '&', de: '*', co: '~', nt: '!', pp: '++', mm: '--' },
};

/** Operators that are functions, and have forms of their own in expressions. */
const OTHER_OPERATORS: Readonly<Record<string, string>> = {
  ...{
    nw: ' new',
    na: ' new[]',
    dl: ' delete',
    da: ' delete[]',
    cl: '()',
    ix: '[]',
    pt: '->',
    qu: '?',
    aw: ' co_await',
  },
};

export const FUNCTION_OPERATORS: Readonly<Record<string, string>> = {
  ...{ ...BINARY_OPERATORS, ...UNARY_OPERATORS, ...OTHER_OPERATORS },
};
