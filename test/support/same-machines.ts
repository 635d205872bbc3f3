/** Compares whole machines. Where they are not equal, the failure says in words how their states differ, not two hashes. */
import type { Test } from 'tap';
import type { Computer } from '../../src/index.js';

/** How two machines that should be equal differ, a line each; none for equal ones. */
export function machineDifferences(expected: Computer, actual: Computer): string[] {
  if (actual.machineHash() === expected.machineHash()) return [];
  const lines = expected.snapshot().differencesTo(actual.snapshot());
  return lines.length > 0 ? lines : ['the machine hashes differ, and the states do not'];
}

/** Asserts that a machine is equal to another, on whatever engines. */
export function sameMachines(t: Test, actual: Computer, expected: Computer, what = 'the machines are equal'): void {
  const lines = machineDifferences(expected, actual);
  if (lines.length === 0) t.pass(what);
  else t.fail(`${what}: expected → actual:\n${lines.join('\n')}`);
}
