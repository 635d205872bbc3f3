/** The console of the page, in Chromium: a tab for each process in the background, copying, pasting, links, and its size. */
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { serveSite } from '../../src/cli/web/site-server.js';
import type { Output } from '../../src/web/protocol.js';
import { OutputText } from '../../src/web/page/output-text.js';
import { Chromium, findChromium, type ChromiumPage } from '../support/chromium.js';
import fc from '../support/fast-check.js';
import { CONTENT, shows, stateIs, typeLine } from '../support/web-page.js';

const site = fileURLToPath(new URL('../../web', import.meta.url));

t.setTimeout(0);

t.test('the output of a process is what it wrote up to the tick that is shown, whatever comes and goes', (t) => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('write' as const), own: fc.boolean(), length: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ kind: fc.constant('show' as const), part: fc.double({ min: 0, max: 1, noNaN: true }) }),
    fc.record({ kind: fc.constant('change' as const), part: fc.double({ min: 0, max: 1, noNaN: true }) }),
    fc.record({ kind: fc.constant('open' as const), isOpen: fc.boolean() }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const text = new OutputText();
      let shown = '';
      let isOpen = false;
      const screen = {
        write: (bytes: Uint8Array) => void (shown += String.fromCharCode(...bytes)),
        clear: () => void (shown = ''),
      };
      // All output, of which the machine has shown a part: what another process wrote is a dot.
      let all = '';
      let at = 0;
      let letter = 0;
      const write = (own: boolean, length: number): void => {
        all = all.slice(0, at);
        text.forgetAfter(at);
        const part = (own ? String.fromCharCode(97 + (letter++ % 26)) : '.').repeat(length);
        const output: Output = { at, bytes: Uint8Array.from(part, (unit) => unit.charCodeAt(0)) };
        if (own) text.add(output);
        all += part;
        at = all.length;
      };
      for (const step of steps) {
        if (step.kind === 'write') write(step.own, step.length);
        else if (step.kind === 'open') {
          shown = '';
          isOpen = step.isOpen;
          text.showOn(isOpen ? screen : undefined);
        } else {
          // Parts are written at one tick, so the machine never stands in the middle of one.
          const ends = [0, ...Array.from(all.matchAll(/(.)\1*/g), ({ index, 0: part }) => index + part.length)];
          at = ends[Math.floor(step.part * (ends.length - 1))]!;
          text.show(at);
          if (step.kind === 'change') write(true, 1);
        }
        if (isOpen && shown !== all.slice(0, at).replaceAll('.', '')) return false;
      }
      return true;
    }),
  );
  t.end();
});

const TAB = (number: number): string => `document.querySelectorAll('#consoles [role=tab]')[${number}]`;
const OUTPUT = "document.querySelector('#output .xterm-accessibility-tree')?.textContent ?? ''";

/** Programs in the background have tabs, which keys switch, in the present and in the past. */
async function testTabs(t: Test, page: ChromiumPage): Promise<void> {
  await page.until(shows('\n>'));
  t.equal(await page.evaluate("document.getElementById('consoles').hidden"), true);
  await typeLine(page, 'start fib 12');
  await page.until(shows('fib(12) = 144'));
  await typeLine(page, 'start fib 15 &');
  await page.until(shows('fib(15) = 610'));
  await page.evaluate('bd0.terminal.focus()');
  await typeLine(page, 'start echo "<b>word</b>" &');
  await page.until(`${shows('> <b>word</b>')} && ${TAB(2)}?.textContent.startsWith('echo')`);
  await page.until(`${TAB(1)}.textContent.startsWith('fib') && ${TAB(1)}.textContent.endsWith('(ended)')`);
  t.equal(
    await page.evaluate("document.querySelectorAll('#consoles [role=tab]').length"),
    3,
    'not those in the foreground',
  );
  await page.evaluate(`${TAB(0)}.focus()`);
  await page.press('ArrowRight');
  await page.press('Enter', '\r');
  await page.until(`/fib\\(15\\) = 610/.test(${OUTPUT})`);
  t.notMatch(await page.evaluate(OUTPUT), /start|fib\(12\)/, 'its own output');
  await page.evaluate("bd0.machine.call('goto', bd0.machine.status.begin)");
  await page.until(`${stateIs('paused')} && !/610/.test(${OUTPUT})`);
  await page.evaluate("document.getElementById('toggle').click()");
  await page.until(`${stateIs('waiting')} && /610/.test(${OUTPUT})`);
  await page.evaluate(`${TAB(1)}.focus()`);
  await page.press('Delete');
  await page.until(`document.getElementById('output').hidden && !document.getElementById('terminal').hidden`);
  await page.evaluate(`${TAB(1)}.click()`);
  await page.until(`/<b>word<.b>/.test(${OUTPUT})`);
  t.equal(await page.evaluate("document.querySelectorAll('#output b').length"), 0, 'what programs write is text');
  await page.evaluate("Array.from(document.querySelectorAll('#consoles button')).at(-1).click()");
  await page.until("document.getElementById('consoles').hidden");
  await page.evaluate('bd0.terminal.focus()');
  await page.press('Enter', '\r');
  await page.until(`${CONTENT}.endsWith('\\n>')`);
}

/** Copies with the keyboard, and pastes. */
async function testClipboard(t: Test, page: ChromiumPage): Promise<void> {
  const origin = await page.evaluate('location.origin');
  await page.send('Browser.grantPermissions', {
    origin,
    permissions: ['clipboardReadWrite', 'clipboardSanitizedWrite'],
  });
  await page.evaluate('bd0.terminal.focus()');
  await page.evaluate('bd0.terminal.terminal.selectAll()');
  await page.send('Input.dispatchKeyEvent', {
    type: 'keyDown',
    key: 'C',
    code: 'KeyC',
    modifiers: 2 | 8,
    windowsVirtualKeyCode: 67,
  });
  await page.until("navigator.clipboard.readText().then((text) => text.includes('fib(12) = 144'))");
  await page.evaluate('bd0.terminal.terminal.clearSelection()');
  await page.evaluate("navigator.clipboard.writeText('start echo pasted words')");
  const paste = { key: 'v', code: 'KeyV', modifiers: 2, windowsVirtualKeyCode: 86, commands: ['paste'] };
  await page.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...paste });
  await page.until(shows('start echo pasted words'));
  await page.press('Enter', '\r');
  await page.until(shows('\npasted words'));
  t.notMatch(await page.evaluate(CONTENT), '\x1b', 'nothing is pasted but the text');
}

/** Clicks where a text stands in the terminal. */
async function clickAt(page: ChromiumPage, text: string): Promise<void> {
  const place = (await page.evaluate(`(() => {
    const { terminal } = bd0.terminal;
    const { active } = terminal.buffer;
    const box = document.querySelector('#terminal .xterm-screen').getBoundingClientRect();
    for (let row = terminal.rows - 1; row >= 0; row--) {
      const at = active.getLine(active.viewportY + row)?.translateToString().indexOf(${JSON.stringify(text)}) ?? -1;
      if (at >= 0)
        return [box.x + ((at + 2) * box.width) / terminal.cols, box.y + ((row + 0.5) * box.height) / terminal.rows];
    }
  })()`)) as [x: number, y: number];
  const [x, y] = place;
  const mouse = (type: string, more: object = {}): Promise<unknown> =>
    page.send('Input.dispatchMouseEvent', { type, x, y, ...more });
  await mouse('mouseMoved', { x: x + 1 });
  await mouse('mouseMoved');
  await page.until("document.querySelector('#terminal .xterm-cursor-pointer') !== null");
  await mouse('mousePressed', { button: 'left', clickCount: 1 });
  await mouse('mouseReleased', { button: 'left', clickCount: 1 });
}

/** Addresses in the output can be opened, in a page that knows nothing of this one. */
async function testLinks(t: Test, page: ChromiumPage): Promise<void> {
  await page.evaluate('{ globalThis.opened = []; globalThis.open = (...words) => void opened.push(words); }');
  await page.evaluate('bd0.terminal.focus()');
  await typeLine(page, 'start echo see https://example.com/a?b=c now');
  await page.until(`${shows('\nsee https://')} && ${stateIs('waiting')}`);
  await clickAt(page, 'https://example.com/a?b=c now');
  await page.until('opened.length === 1');
  t.strictSame(await page.evaluate('opened[0]'), ['https://example.com/a?b=c', '_blank', 'noopener,noreferrer']);
  // A link whose text says something else, and whose address would be a script.
  const link = '\x1b]8;;javascript:alert(1)\x1b\\\\https-looking\x1b]8;;\x1b\\\\';
  await page.evaluate(`bd0.terminal.terminal.write('\\r\\n${link}')`);
  await page.until(shows('https-looking'));
  await page.evaluate(
    "bd0.terminal.terminal.options.linkHandler.activate(new MouseEvent('click'), 'javascript:alert(1)')",
  );
  t.equal(await page.evaluate('opened.length'), 1, 'nothing but the web is opened');
}

/** The terminal has the size of its place, and its machine hears of that. */
async function testSize(t: Test, page: ChromiumPage): Promise<void> {
  await page.evaluate('{ globalThis.sizes = []; bd0.machine.resize = (size) => void sizes.push(size); }');
  for (const [width, height] of [
    [700, 500],
    [1280, 800],
  ] as const) {
    await page.resize(width, height);
    await page.until('sizes.length > 0 && String(sizes.at(-1)) === String(bd0.terminal.size)');
    const [rows, columns] = (await page.evaluate('sizes.splice(0).at(-1)')) as [number, number];
    const fits = `(() => {
      const [inner, outer] = ['#terminal .xterm-screen', '#terminal'].map((each) => document.querySelector(each).getBoundingClientRect());
      return inner.right <= outer.right && inner.bottom <= outer.bottom && outer.right - inner.right < 40 && outer.bottom - inner.bottom < 40;
    })()`;
    t.equal(await page.until(fits), true, `${rows} rows and ${columns} columns fill ${width} by ${height} pixels`);
  }
  const padding = "getComputedStyle(document.querySelector('#terminal .xterm')).padding";
  t.equal(await page.evaluate(padding), '0px', 'the terminal has no black edge');
}

t.test('the console of the page in Chromium', async (t) => {
  const path = findChromium();
  if (path === undefined) return t.comment('Chromium is not installed (apt install chromium): the page was not tested');
  const server = await serveSite(join(site), 0);
  const browser = new Chromium(path);
  t.teardown(async () => {
    await browser.close();
    server.close();
    server.closeAllConnections();
  });
  const page = await browser.open(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, 1280, 800);
  await t.test('has tabs for processes in the background', (t) => testTabs(t, page));
  await t.test('copies and pastes', (t) => testClipboard(t, page));
  await t.test('opens links', (t) => testLinks(t, page));
  await t.test('fills its place', (t) => testSize(t, page));
});
