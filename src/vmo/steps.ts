/** Work in steps, between which something else may happen: a generator, of which each step answers what `T` says. */
export type Steps<Result, Step = void> = Generator<Step, Result, undefined>;

/** Does all steps at once. */
export function finished<Result>(steps: Steps<Result, unknown>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
