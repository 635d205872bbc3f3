/** Work in steps, between which other work can be done: a generator that yields a `Step` and returns a `Result`. */
export type Steps<Result, Step = void> = Generator<Step, Result, undefined>;

/** Runs all steps at once and returns the result. */
export function finished<Result>(steps: Steps<Result, unknown>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
