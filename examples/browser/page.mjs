/** The page: starts a worker for each run, shows what it reports, and sends it what is typed. */
import { Screen } from './screen.mjs';

/** Arguments that suggest themselves; without any, guests have their own. */
const ARGUMENTS = /** @type {Record<string, string>} */ ({ terminal: '-i', echo: 'Hello from the page', fib: '32' });
/** Starts other guests by name, so it gets them all. */
const TERMINAL = 'terminal';

const DRAW_MS = 30;
/** So close to the end counts as the end. */
const SCROLL_SLACK_PIXELS = 40;

/** Keys that are not characters, and what a terminal sends for them. */
const KEYS = /** @type {Record<string, string>} */ ({
  ...{ Enter: '\r', Backspace: '\x7f', Escape: '\x1b', Delete: '\x1b[3~', Home: '\x1b[H', End: '\x1b[F' },
  ...{ ArrowUp: '\x1b[A', ArrowDown: '\x1b[B', ArrowRight: '\x1b[C', ArrowLeft: '\x1b[D' },
});

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
function element(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${id}`);
  return found;
}

const guest = element('guest', HTMLSelectElement);
const argumentLine = element('arguments', HTMLInputElement);
const runButton = element('run', HTMLButtonElement);
const stopButton = element('stop', HTMLButtonElement);
const screenElement = element('screen', HTMLPreElement);
const inputLine = element('input', HTMLInputElement);
const inputControls = Array.from(element('input-form', HTMLFormElement).elements).filter(
  (control) => control instanceof HTMLButtonElement || control instanceof HTMLInputElement,
);

/** @type {Worker | undefined} */
let worker;
let screen = new Screen();
let unshownBytes = 0;
/** Whether the end of the output is in view. */
let isFollowing = true;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let drawing;

/**
 * Shows what the machine is doing: `data-state` says the same to style sheets and scripts.
 * @param {'idle' | 'running' | 'waiting' | 'exited' | 'trapped' | 'deadlocked' | 'stopped' | 'failed'} state
 * @param {string} text
 */
function showState(state, text) {
  const isLive = state === 'running' || state === 'waiting';
  runButton.disabled = isLive || guest.options.length === 0;
  stopButton.disabled = !isLive;
  for (const control of inputControls) control.disabled = !isLive;
  element('state', HTMLElement).textContent = text;
  document.documentElement.dataset['state'] = state;
}

/** @param {import('./machine.mjs').Counters} counters */
function showCounters({ ticks, mips, memoryBytes }) {
  element('ticks', HTMLElement).textContent = ticks.toLocaleString('en');
  element('mips', HTMLElement).textContent = `${mips.toLocaleString('en', { maximumFractionDigits: 1 })} MIPS`;
  const kibibytes = memoryBytes / 2 ** 10;
  const memory = kibibytes < 1024 ? `${kibibytes} KiB` : `${(kibibytes / 1024).toFixed(1)} MiB`;
  element('memory', HTMLElement).textContent = memory;
}

/** Draws the screen soon. A timer is used since frames stop in a page that is hidden. */
function drawSoon() {
  drawing ??= setTimeout(draw, DRAW_MS);
}

function draw() {
  clearTimeout(drawing);
  drawing = undefined;
  const [before = '', at = '', after = ''] = screen.lastLine;
  const cursor = document.createElement('span');
  cursor.className = 'cursor';
  cursor.textContent = at;
  // Text nodes need no escaping.
  screenElement.replaceChildren([...screen.lines, before].join('\n'), ...(worker ? [cursor, after] : [at, after]));
  followOutput();
  worker?.postMessage({ kind: 'shown', bytes: unshownBytes });
  unshownBytes = 0;
}

/** Shows the end of the output, unless the user has scrolled back. */
function followOutput() {
  if (isFollowing) screenElement.scrollTop = screenElement.scrollHeight;
}

/** @param {import('./worker.mjs').Report} report */
function receive(report) {
  switch (report.kind) {
    case 'output':
      screen.write(report.bytes);
      unshownBytes += report.bytes.length;
      drawSoon();
      break;
    case 'progress':
      showCounters(report.counters);
      if (report.isWaiting) showState('waiting', 'Waiting');
      else showState('running', 'Running');
      break;
    case 'ended': {
      const { outcome, exitCode } = report;
      endWorker();
      showCounters(report.counters);
      element('hash', HTMLElement).textContent = report.machineHash;
      const what = { exited: 'Exited', trapped: 'Killed by a trap', deadlocked: 'Deadlocked', stopped: 'Stopped' };
      showState(outcome, exitCode === undefined ? what[outcome] : `${what[outcome]}, exit code ${exitCode}`);
      break;
    }
    case 'failed':
      fail(report.message);
  }
}

/** @param {string} message */
function fail(message) {
  endWorker();
  showState('failed', `Failed: ${message}`);
}

function endWorker() {
  worker?.terminate();
  worker = undefined;
  draw();
}

/** @param {string} name */
const imageUrl = (name) => new URL(`images/${encodeURIComponent(name)}`, document.baseURI).href;

function run() {
  screen = new Screen();
  unshownBytes = 0;
  isFollowing = true;
  for (const id of ['ticks', 'mips', 'memory', 'hash']) element(id, HTMLElement).textContent = '–';
  worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  worker.onmessage = ({ data }) => receive(data);
  worker.onerror = ({ message }) => fail(message || 'the worker cannot be loaded');
  const name = guest.value;
  const argv = [name, ...argumentLine.value.split(/\s+/).filter((word) => word !== '')];
  const names = name === TERMINAL ? Array.from(guest.options, ({ value }) => value) : [];
  const files = names.map((each) => ({ name: each, url: imageUrl(each) }));
  worker.postMessage({ kind: 'start', name, argv, image: imageUrl(name), files });
  draw();
  showState('running', 'Starting');
}

/** @param {string} text */
function type(text) {
  if (text === '') return;
  isFollowing = true;
  followOutput();
  worker?.postMessage({ kind: 'input', text });
}

/**
 * What a terminal sends for a key; undefined for keys that are left to the browser.
 * @param {KeyboardEvent} event
 */
function textOfKey({ key, ctrlKey, altKey, metaKey }) {
  if (altKey || metaKey) return undefined;
  if (!ctrlKey) return key.length === 1 ? key : KEYS[key];
  const isCopy = key === 'c' && document.getSelection()?.isCollapsed === false;
  const isControl = /^[a-z]$/.test(key) && key !== 'v' && !isCopy;
  return isControl ? String.fromCharCode(key.charCodeAt(0) & 31) : undefined;
}

element('guest-form', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  if (runButton.disabled) return;
  run();
  screenElement.focus();
});
stopButton.addEventListener('click', () => worker?.postMessage({ kind: 'stop' }));
guest.addEventListener('change', () => (argumentLine.value = ARGUMENTS[guest.value] ?? ''));
element('input-form', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  type(`${inputLine.value}\r`);
  inputLine.value = '';
});
for (const control of inputControls) {
  const { key } = control.dataset;
  if (key !== undefined) control.addEventListener('click', () => type(key));
}
screenElement.addEventListener('scroll', () => {
  const { scrollTop, scrollHeight, clientHeight } = screenElement;
  isFollowing = scrollHeight - scrollTop - clientHeight < SCROLL_SLACK_PIXELS;
});
new ResizeObserver(followOutput).observe(screenElement);
screenElement.addEventListener('keydown', (event) => {
  const text = worker && textOfKey(event);
  if (text === undefined) return;
  event.preventDefault();
  type(text);
});
screenElement.addEventListener('paste', (event) => {
  event.preventDefault();
  type(event.clipboardData?.getData('text').replace(/\r?\n/g, '\r') ?? '');
});

/** Fills the list of guests. */
async function load() {
  const response = await fetch('images.json');
  if (!response.ok) throw new Error(`cannot load images.json: ${response.status} ${response.statusText}`);
  const names = /** @type {string[]} */ (await response.json());
  guest.replaceChildren(...names.map((name) => new Option(name)));
  guest.value = names.includes('hello_world') ? 'hello_world' : (names[0] ?? '');
  if (names.length === 0) return fail('no guest images were built: see README.md');
  showState('idle', 'Ready');
}

load().catch((error) => fail(error.message));
