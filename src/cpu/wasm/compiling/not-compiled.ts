/** Thrown if a meaning needs an operation that only the evaluator has; its form is left to the evaluator. */
export class NotCompiled extends Error {}
