/** @typedef {import("bd0/web").MachineElement} MachineElement a <bd0-machine> */
const [machine, result] = [document.querySelector('bd0-machine'), document.querySelector('output')];

machine?.addEventListener('exit', async ({ detail: { exitCode, ticks } }) => {
  const hash = await machine.machineHash();
  show(`Exit code ${exitCode} after ${ticks} ticks. The machine is now ${hash}, as in Node.`);
});
machine?.addEventListener('failure', ({ detail }) => show(detail));

/** @param {string} text */
function show(text) {
  if (result) result.textContent = text;
}
