/** The controls of the page, in Chromium: keys reach each of them, leave each of them, and say which it is; each has a name. */
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { serveSite } from '../../src/cli/web/site-server.js';
import { lineOf, wordsOf } from '../../src/web/client/words.js';
import { Chromium, findChromium, type ChromiumPage } from '../support/chromium.js';
import fc from '../support/fast-check.js';
import { guestKernel } from '../support/guest-kernel.js';
import { CONTENT, drop, shows, stateIs, TICKS, typeLine } from '../support/web-page.js';

t.setTimeout(0);

t.test('arguments are written so that they are read as they were', (t) => {
  t.strictSame(wordsOf(`one "two  three" 'a "b"' c"d e"f "" 'open end`), [
    'one',
    'two  three',
    'a "b"',
    'cd ef',
    '',
    'open end',
  ]);
  const word = fc.string({ unit: fc.constantFrom('a', ' ', '"', "'", '\t', 'é'), maxLength: 6 });
  fc.assert(fc.property(fc.array(word), (words) => JSON.stringify(wordsOf(lineOf(words))) === JSON.stringify(words)));
  t.end();
});

const KEYS: Readonly<Record<string, number>> = { Tab: 9, F6: 117, ArrowRight: 39, ArrowDown: 40, Home: 36 };

async function pressKey(page: ChromiumPage, key: string, modifiers = 0): Promise<void> {
  const event = { key, code: key, windowsVirtualKeyCode: KEYS[key], modifiers };
  await page.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...event });
  await page.send('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
}

/** Gives each control a number, marks those that have the focus from now on, and returns how many controls there are. */
const WATCH = `(() => {
  const controls = 'button, a[href], input, select, textarea, canvas[tabindex], [role=button], [role=tab], [tabindex="0"]';
  const isThere = (each) => each.getClientRects().length > 0 && getComputedStyle(each).visibility === 'visible' && !each.disabled;
  const isMark = (each) => !each.matches('[type=file]') && !each.closest('.xterm:not(:has(textarea))');
  globalThis.controls = Array.from(document.querySelectorAll(controls)).filter((each) => isThere(each) && isMark(each) && !each.closest('.xterm-accessibility'));
  globalThis.reached = new Set();
  globalThis.unseen = new Set();
  globalThis.look ??= document.addEventListener('focusin', ({ target }) => {
    reached.add(target);
    const { outlineStyle, outlineWidth } = getComputedStyle(target);
    // The terminal has a cursor.
    if ((outlineStyle === 'none' || parseFloat(outlineWidth) < 2) && !target.closest('.xterm')) unseen.add(target);
  }) ?? true;
  document.activeElement?.blur();
  return controls.length;
})()`;

const DESCRIBE = '(each) => each.outerHTML.slice(0, 120)';

/** Goes through the page with Tab, over the terminal with F6, and through each list with the arrow keys. */
async function walk(page: ChromiumPage): Promise<void> {
  const isIn = (selector: string): string => `document.activeElement?.closest(${JSON.stringify(selector)}) != null`;
  // From the console on; F6 leads to the area after it, and Tab to the end, and around from the top.
  const total = (await page.evaluate(WATCH)) as number;
  await page.evaluate('document.querySelector("#tabs [tabindex=\'0\']").focus()');
  for (let count = 0; count <= 2 * total + 8; count++) {
    const [isTerminal, isStop, isDone] = (await page.evaluate(`(() => {
      const { activeElement: now } = document;
      const isDone = globalThis.walked?.has(now) ?? false;
      (globalThis.walked ??= new Set()).add(now);
      return [${isIn('.xterm')}, now?.closest('[role=tablist], ol, ul.items, ul.ranges, .graph') != null, isDone];
    })()`)) as [boolean, boolean, boolean];
    if (isStop && !isDone) await walkList(page);
    await pressKey(page, isTerminal ? 'F6' : 'Tab');
    if (isTerminal && (await page.evaluate(isIn('.xterm')))) throw new Error('F6 does not leave the terminal');
    if (
      await page.evaluate(
        'reached.size > 1 && document.activeElement === document.querySelector(\'#tabs [tabindex="0"]\')',
      )
    )
      break;
  }
  await page.evaluate('delete globalThis.walked');
}

/** From the stop of Tab to the other controls of a list, and back. */
async function walkList(page: ChromiumPage): Promise<void> {
  await page.evaluate('globalThis.stop = document.activeElement');
  await pressKey(page, 'Home');
  for (let isNew = true; isNew;) {
    await page.evaluate('globalThis.last = document.activeElement');
    await pressKey(page, 'ArrowRight');
    isNew = (await page.evaluate(
      'last !== document.activeElement && (globalThis.seen ??= new Set()).size < seen.add(document.activeElement).size',
    )) as boolean;
  }
  await page.evaluate(
    '{ delete globalThis.seen; document.activeElement.tabIndex = -1; stop.tabIndex = 0; stop.focus(); }',
  );
}

interface AxNode {
  readonly ignored: boolean;
  readonly role?: { readonly value: string };
  readonly name?: { readonly value: string };
  readonly properties?: readonly { readonly name: string; readonly value: { readonly value?: unknown } }[];
}

/** What a screen reader has no name for, of what can have the focus, apart from empty lines of the terminal. */
async function nameless(page: ChromiumPage): Promise<string[]> {
  const { nodes } = (await page.send('Accessibility.getFullAXTree', {})) as unknown as { nodes: readonly AxNode[] };
  const isFocusable = ({ properties = [] }: AxNode): boolean =>
    properties.some(({ name, value }) => name === 'focusable' && value.value === true);
  const found = nodes.filter(
    (node) => !node.ignored && isFocusable(node) && node.role?.value !== 'listitem' && !node.name?.value.trim(),
  );
  return found.map(({ role }) => String(role?.value));
}

/** Nothing of what the page shows now is out of reach, without a name, or a place that keys cannot leave. */
async function audit(t: Test, page: ChromiumPage, view: string): Promise<void> {
  await walk(page);
  const missed = await page.evaluate(
    `controls.filter((each) => each.isConnected && !reached.has(each)).map(${DESCRIBE})`,
  );
  t.strictSame(missed, [], `${view}: keys reach every control`);
  t.strictSame(await page.evaluate(`Array.from(unseen, ${DESCRIBE})`), [], `${view}: the focus can be seen`);
  t.strictSame(await nameless(page), [], `${view}: every control has a name`);
}

const VIEWS: readonly (readonly [name: string, shown: string])[] = [
  ['guide', '.guide button'],
  ['memory', '.ranges button'],
  ['vmos', '.graph .page'],
  ['debugger', '.registers'],
  ['engine', '.regions .quiet'],
  ['console', ''],
];

async function openView(page: ChromiumPage, name: string, shown: string): Promise<void> {
  await page.evaluate(`document.getElementById('tab-${name}').click()`);
  if (shown !== '') await page.until(`document.querySelector('#view ${shown}') !== null`);
}

/** Every view of a program that is paused in its past. */
async function testProgram(t: Test, page: ChromiumPage): Promise<void> {
  await page.until(`${stateIs('ended')} && ${shows('one two  more')}`);
  await page.evaluate("bd0.machine.call('goto', Math.round(bd0.machine.status.end / 2))");
  await page.until(`bd0.machine.status.isPast && bd0.machine.status.state === 'paused'`);
  for (const [name, shown] of VIEWS) {
    await openView(page, name, shown);
    if (name === 'debugger') {
      await page.evaluate("bd0.machine.call('execute', 'break main')");
      await page.until("document.querySelector('.lists').textContent.includes('Breakpoints')");
    }
    if (name === 'memory') {
      await page.evaluate("document.querySelector('.memory canvas').focus()");
      await pressKey(page, 'ArrowRight');
      await page.until("document.querySelector('.details .actions') !== null");
    }
    await audit(t, page, name);
  }
}

/** Keys that step keep the focus where it is, though all is drawn anew. */
async function testFocus(t: Test, page: ChromiumPage): Promise<void> {
  await openView(page, 'debugger', '.registers');
  await page.evaluate("document.querySelector('.bytes button').focus()");
  for (let count = 0; count < 3; count++) {
    const ticks = await page.evaluate(TICKS);
    await page.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', key: 'i', code: 'KeyI', modifiers: 1 });
    await page.until(`${TICKS} > ${ticks}`);
    t.equal(await page.until("document.activeElement?.closest('.bytes') !== null"), true);
  }
}

/** The words of a program, which starts again with others. */
async function testWords(t: Test, page: ChromiumPage): Promise<void> {
  t.equal(await page.evaluate("document.getElementById('words').value"), 'one "two  more"', 'as in the address');
  await page.evaluate(
    `{ const words = document.getElementById('words'); words.value = 'three "four  five"'; words.focus(); }`,
  );
  await page.press('Enter', '\r');
  await page.until(`${stateIs('ended')} && ${shows('three four  five')}`);
  t.notMatch(await page.evaluate(CONTENT), 'one');
}

/** A kernel, and its command line. */
async function testKernel(t: Test, page: ChromiumPage): Promise<void> {
  await page.evaluate(drop('kernel', guestKernel()));
  await page.until(`${stateIs('ended')} && document.title.startsWith('kernel')`);
  await page.evaluate(
    "{ const words = document.getElementById('words'); words.value = 'other words'; words.focus(); }",
  );
  await page.press('Enter', '\r');
  await page.until(`${stateIs('ended')} && bd0.program.boot.commandLine === 'other words'`);
  await openView(page, 'memory', '.ranges button');
  await audit(t, page, 'memory of a kernel');
}

/** The shell, with processes in the background. */
async function testShell(t: Test, page: ChromiumPage): Promise<void> {
  await page.resize(700, 600);
  await page.send('Page.navigate', { url: `${(await page.evaluate('location.origin')) as string}/` });
  await page.until(`${shows('\n>')} && document.querySelector('.guide li') !== null`);
  t.equal(await page.evaluate("document.activeElement.closest('#terminal') !== null"), true, 'keys go to the terminal');
  await page.resize(1280, 800);
  t.equal(await page.evaluate("document.getElementById('arguments').hidden"), true, 'the shell has no arguments');
  await page.evaluate('bd0.terminal.focus()');
  await typeLine(page, 'start fib 9 &');
  await page.until("document.querySelectorAll('#consoles [role=tab]').length === 2");
  await page.evaluate("document.querySelectorAll('#consoles [role=tab]')[1].click()");
  await audit(t, page, 'output of a process');
}

t.test('the page is used by keyboard, and read aloud, in Chromium', async (t) => {
  const path = findChromium();
  if (path === undefined) return t.comment('Chromium is not installed (apt install chromium): the page was not tested');
  const server = await serveSite(fileURLToPath(new URL('../../web', import.meta.url)), 0);
  const browser = new Chromium(path);
  t.teardown(async () => {
    await browser.close();
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const page = await browser.open(`http://127.0.0.1:${port}/?run=echo&args=one%20%22two%20%20more%22`, 1280, 800);
  await t.test('every view of a program', (t) => testProgram(t, page));
  await t.test('stepping keeps the focus', (t) => testFocus(t, page));
  await t.test('arguments', (t) => testWords(t, page));
  await t.test('a kernel', (t) => testKernel(t, page));
  await t.test('the shell', (t) => testShell(t, page));
});
