/** `bd0 web`: the server, the worker of the page, run by Node, and the page, in Chromium. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { serveSite } from '../../src/cli/web/site-server.js';
import { PAGE_POLICY, SERVED_POLICY } from '../../src/host/content-security-policy.js';
import { OutputLog } from '../../src/web/machine/output-log.js';
import { SiteNames } from '../../src/web/machine/site-names.js';
import { VmoStore } from '../../src/index.js';
import { bd0 } from '../cli/bd0.js';
import { Chromium, findChromium, type ChromiumPage } from '../support/chromium.js';
import { guestKernel } from '../support/guest-kernel.js';
import { CONTENT, drop, shows, stateIs, textOf, TICKS, typeLine } from '../support/web-page.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const site = join(root, 'dist/web');

t.setTimeout(0);

/** The status and the headers of an answer. */
async function get(port: number, path: string, method = 'GET'): Promise<IncomingMessage> {
  const [response] = (await once(request({ port, host: '127.0.0.1', path, method }).end(), 'response')) as [
    IncomingMessage,
  ];
  response.resume();
  return response;
}

t.test('the server serves the files of the site and nothing else', async (t) => {
  const directory = t.testdir({
    secret: 'secret',
    site: { 'index.html': '<p>', 'a.js': '', 'b.wasm': '', images: { fib: '' } },
  });
  symlinkSync(join(directory, 'secret'), join(directory, 'site/link'));
  writeFileSync(join(directory, 'site/.hidden'), '');
  const server = await serveSite(join(directory, 'site'), 0);
  t.teardown(() => server.close());
  const { address, port } = server.address() as AddressInfo;
  t.equal(address, '127.0.0.1', 'on the loopback interface');
  const types = { '/': 'text/html', '/?run=a': 'text/html', '/a.js': 'text/javascript', '/b.wasm': 'application/wasm' };
  for (const [path, type] of Object.entries({ ...types, '/images/fib': 'application/octet-stream' })) {
    const { statusCode, headers } = await get(port, path);
    t.strictSame([statusCode, headers['content-type']?.split(';')[0]], [200, type], path);
    t.equal(headers['content-security-policy'], SERVED_POLICY);
    t.equal(headers['x-content-type-options'], 'nosniff');
  }
  const outside = ['/../secret', '/images/../../secret', '/%2e%2e/secret', '/..%2fsecret', '//secret', '*', '/link'];
  for (const path of [...outside, '/images', '/images/', '/%', '/.hidden', '/a.js%00', '/a\\b', '/nothing'])
    t.equal((await get(port, path)).statusCode, 404, path);
  t.equal((await get(port, '/', 'POST')).statusCode, 405);
});

t.test('bd0 web says where the page is, and what is wrong', async (t) => {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const failures: [words: string[], message: string][] = [
    [['--port', String(port)], `port ${port} is in use: --port N takes another one, and --port 0 any that is free`],
    [['--port', '65536'], "--port: '65536' is not a port, which is a number from 0 to 65535"],
    [['-p', 'x'], "--port: 'x' is not a port, which is a number from 0 to 65535"],
    [['page'], "bd0 web takes no arguments, and 'page' is one: bd0 web --help shows how"],
  ];
  for (const [words, message] of failures)
    t.match(await bd0(['web', ...words]), { code: 125, stdout: '', stderr: `bd0: ${message}\n` }, words.join(' '));
  const child = spawn(process.execPath, [join(root, 'bin/bd0.cjs'), 'web', '-p0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [text] = (await once(child.stdout, 'data')) as [Buffer];
  const found = /^http:\/\/127\.0\.0\.1:(\d+)\/\n/.exec(text.toString());
  t.equal((await get(Number(found?.[1]), '/')).statusCode, 200);
  child.kill('SIGINT');
  t.strictSame(await once(child, 'exit'), [130, null], 'Ctrl-C ends it');
});

const FIRST_LOAD_MAX = 400 * 1024;
const INTERPRETER_MAX = 300 * 1024;

/** The modules that a bundled script imports before it runs. */
function importedBy(script: string): string[] {
  return Array.from(script.matchAll(/\b(?:from|import)"\.\/([^"]+)"/g), ([, name]) => name!);
}

t.test('the site has relative paths and a policy, and is small', async (t) => {
  const page = readFileSync(join(site, 'index.html'), 'utf8');
  for (const [, path] of page.matchAll(/(?:src|href)="([^"]*)"/g)) t.ok(existsSync(join(site, path!)), path!);
  t.match(PAGE_POLICY, "script-src 'self' 'wasm-unsafe-eval'");
  t.ok(page.includes(`content="${PAGE_POLICY}"`), 'the page has the policy that the server sends');
  t.notMatch(page, /<script(?![^>]* src=)|<[^>]* on\w+=/, 'no script is in the page');
  const first = new Set(['index.html', 'style.css', 'xterm.css', 'page.js', 'worker.js', 'offline.js']);
  // What is loaded by import() comes later: a set goes on to what is added to it.
  for (const name of first)
    for (const imported of importedBy(readFileSync(join(site, name), 'utf8'))) first.add(imported);
  const sizeOf = (name: string): number => gzipSync(readFileSync(join(site, name))).length;
  const bytes = [...first].reduce((total, name) => total + sizeOf(name), 0);
  t.ok(bytes <= FIRST_LOAD_MAX, `the page loads ${bytes} bytes of scripts and styles, compressed, before its prompt`);
  t.ok(sizeOf('interpreter.wasm') <= INTERPRETER_MAX, `the interpreter: ${sizeOf('interpreter.wasm')} bytes`);
});

t.test('the output of a machine is known for each tick', (t) => {
  const log = new OutputLog();
  t.strictSame([log.add(10, 3), log.add(10, 2), log.add(20, 5)], [0, 3, 5]);
  t.strictSame(
    [0, 9, 10, 19, 20, 99].map((tick) => log.bytesAt(tick)),
    [0, 0, 5, 5, 10, 10],
  );
  t.equal(log.add(15, 1), 5, 'another past: what came later never was');
  t.strictSame(
    [14, 15, 99].map((tick) => log.bytesAt(tick)),
    [5, 6, 6],
  );
  t.end();
});

t.test('files of the page are names, loaded when they are asked for', (t) => {
  const store = new VmoStore();
  const loaded: string[] = [];
  const files = [
    ['b', { url: 'u' }],
    ['a', { bytes: Uint8Array.of(1) }],
  ] as const;
  const names = new SiteNames(store, files, (url) => {
    loaded.push(url);
    return Uint8Array.of(2);
  });
  t.strictSame([[...names.names()], loaded], [['a', 'b'], []]);
  t.strictSame(
    [1, 2].map(() => names.lookup('b')!.read(0, 1)[0]),
    [2, 2],
  );
  t.strictSame(loaded, ['u'], 'once');
  t.equal(names.lookup('c'), undefined);
  const vmo = store.fromBytes(Uint8Array.of(3));
  void vmo.id;
  t.equal(names.publish('a', undefined, 'anything'), 'read-only');
  t.equal(names.publish('a', vmo, undefined), 'changed');
  t.equal(names.publish('a', vmo, names.lookup('a')), 'done');
  t.equal(names.lookup('a')?.id, vmo.id, 'a published name hides the file');
  t.equal(names.publish('c', vmo, undefined), 'done');
  t.strictSame([...names.names()], ['a', 'b', 'c']);
  t.end();
});

async function testShell(t: Test, page: ChromiumPage): Promise<void> {
  await page.until(shows('\n>'));
  await typeLine(page, 'start fib 15');
  await page.until(shows('fib(15) = 610\n>'));
  await page.until(stateIs('waiting'));
  const script =
    "{ const script = document.createElement('script'); script.text = 'hasRun = true'; document.body.append(script); }";
  await page.evaluate(script);
  t.equal(await page.evaluate("'hasRun' in globalThis"), false, 'no script is run but the files of the site');
}

/** The first screen says what there is to try, and does it. */
async function testGuide(t: Test, page: ChromiumPage): Promise<void> {
  const cards = "document.querySelectorAll('.guide li button')";
  await page.until(`${cards}.length === 6 && ${shows('\n>')}`);
  const start = (title: string): Promise<unknown> =>
    page.evaluate(`Array.from(${cards}).find((each) => each.title === '${title}').click()`);
  await start('Go back in time');
  await page.until(`${stateIs('paused')} && ${shows('start fib 24')} && !${shows('= 46368')}`);
  await page.until("/^Registers of thread/.test(document.querySelector('.registers')?.closest('section').textContent)");
  await page.until("document.querySelector('.debugger .lists')?.textContent.includes('in fib')");
  await page.evaluate("document.getElementById('tab-guide').click()");
  await page.until(`${cards}.length === 6`);
  await start('64 gigabytes for one program');
  await page.until(
    `${stateIs('paused')} && /heap of sparse.* GiB/.test(document.querySelector('.ranges')?.textContent)`,
  );
  await page.evaluate("document.getElementById('tab-guide').click()");
  await page.until(`${cards}.length === 6`);
  await start('Two files, one tree');
  await page.until("document.querySelector('.vmos')?.textContent.includes('1 page differs')");
  await page.evaluate("document.getElementById('tab-guide').click()");
  await page.until(`${cards}.length === 6`);
  await start('Code becomes WebAssembly');
  await page.until("document.querySelectorAll('.regions button').length > 0");
  await page.evaluate("document.getElementById('tab-console').click()");
  await page.evaluate(clickAction('Restart'));
  await page.until(`${stateIs('waiting')} && !${shows('fib')} && ${shows('\n>')}`);
  t.equal(await page.evaluate("document.getElementById('view').hidden"), true);
}

async function testTimeline(t: Test, page: ChromiumPage): Promise<void> {
  const before = (await page.evaluate(TICKS)) as number;
  await page.evaluate(`{
    const slider = document.querySelector('#timeline input');
    slider.value = '0';
    slider.dispatchEvent(new Event('input'));
  }`);
  await page.until(`${stateIs('paused')} && ${TICKS} < ${before}`);
  t.equal(await page.evaluate(TICKS), await page.evaluate('bd0.machine.status.begin'));
  t.equal(await page.evaluate(CONTENT), '', 'nothing was written yet');
  await page.evaluate("document.getElementById('toggle').click()");
  await page.until(`${shows('fib(15) = 610\n>')} && ${stateIs('waiting')}`);
  t.ok(((await page.evaluate(TICKS)) as number) >= before, 'the machine is in the present again');
}

/** A guest in an endless loop: the page answers, and stops it. */
async function testEndlessLoop(t: Test, page: ChromiumPage): Promise<void> {
  await typeLine(page, 'start fib 90');
  await page.until(stateIs('running'));
  await page.evaluate('new Promise((done) => { let left = 20; setInterval(() => --left || done(), 10); })');
  t.equal(await page.evaluate(stateIs('running')), true);
  await page.evaluate("document.getElementById('toggle').click()");
  await page.until(stateIs('paused'));
  await page.evaluate("document.getElementById('toggle').click()");
  await page.until(stateIs('running'));
  await page.evaluate('bd0.terminal.focus()');
  await page.press('\x03', '\x03');
  await page.until(shows('fib: exit code 130'));
}

async function testDrops(t: Test, page: ChromiumPage): Promise<void> {
  await page.evaluate(drop('<b>text</b>.txt', Buffer.from('no program')));
  await page.until(stateIs('failed'));
  t.match(await page.evaluate(textOf('#state')), '<b>text</b>.txt is not an ELF program');
  const disk = new Uint8Array(1024);
  disk.set([0x55, 0xaa], 510);
  await page.evaluate(drop('disk.img', disk));
  await page.until(`${textOf('#state')}.startsWith('disk.img is a disk')`);
  await page.evaluate(drop('half', readFileSync(join(site, 'images/fib')).subarray(0, 100)));
  await page.until(`${stateIs('failed')} && document.title.startsWith('half')`);
  await page.evaluate(drop('<img src=x>', readFileSync(join(site, 'images/echo'))));
  await page.until(`${stateIs('ended')}`);
  t.equal(await page.evaluate("document.querySelectorAll('b, img').length"), 0, 'names are text');
}

/** A kernel on a bare machine: its console, its memory, and its end. */
async function testKernel(t: Test, page: ChromiumPage): Promise<void> {
  await page.evaluate(drop('disk.cpio', Uint8Array.of(1, 2, 3), 'kernel', guestKernel()));
  await page.until(`${stateIs('ended')} && document.title.startsWith('kernel')`);
  t.match(await page.evaluate(CONTENT), /^bd0 kernel\n.*\ndone$/s);
  t.equal(await page.evaluate(textOf('#state')), 'Ended, exit code 1');
  t.equal(
    await page.evaluate("document.getElementById('tab-vmos').hidden"),
    true,
    'what it does not have is not offered',
  );
  await openView(page, 'memory', '.ranges button');
  await page.until("document.querySelector('.memory select').value === 'current'");
  t.match(await page.evaluate(textOf('.ranges')), /supervisor.*user/);
  await page.evaluate(`{
    const select = document.querySelector('.memory select');
    select.value = 'physical';
    select.dispatchEvent(new Event('change'));
  }`);
  await page.until(`/^RAM/.test(${textOf('.ranges')})`);
  await page.evaluate(
    "document.querySelector('.memory canvas').dispatchEvent(new MouseEvent('click', { bubbles: true }))",
  );
  await page.until("document.querySelector('.memory dd') !== null");
  t.match(await page.evaluate(textOf('.details')), /RAM.*frame 0/);
}

/** Opens a view, and waits until it shows something. */
async function openView(page: ChromiumPage, name: string, shown: string): Promise<void> {
  await page.evaluate(`document.getElementById('tab-${name}').click()`);
  await page.until(`document.querySelector('#view ${shown}') !== null`);
}

/** Clicks an element once the page shows it. */
async function click(page: ChromiumPage, selector: string): Promise<void> {
  const name = JSON.stringify(selector);
  await page.until(
    `(() => { const found = document.querySelector(${name}); found?.click(); return found !== null; })()`,
  );
}

/** Clicks a button at the top of the page. */
const clickAction = (name: string): string =>
  `Array.from(document.querySelectorAll('#actions button')).find((each) => each.textContent === '${name}').click()`;

/** The views, of a program in the middle of its run. */
async function testViews(t: Test, page: ChromiumPage): Promise<void> {
  await page.send('Page.navigate', { url: `${await page.evaluate('location.origin')}/?run=fib&args=18` });
  await page.until(`${stateIs('ended')} && ${shows('fib(18) = 2584')}`);
  await page.evaluate("bd0.machine.call('goto', 60000)");
  await page.until(`${stateIs('paused')} && ${TICKS} === 60000`);

  await openView(page, 'memory', '.ranges button');
  t.match(
    await page.evaluate(textOf('.ranges')),
    /header page of fib.*image of fib.*heap of fib.*stack of thread 1 of fib/,
  );
  await page.evaluate(
    "document.querySelector('.memory canvas').dispatchEvent(new MouseEvent('click', { bubbles: true }))",
  );
  await page.until("document.querySelector('.memory dd') !== null");
  t.match(await page.evaluate(textOf('.details')), /header page of process 1 \(fib\).*leaf [0-9a-f]{64}/);

  await openView(page, 'debugger', '.registers');
  t.match(await page.evaluate(textOf('.debugger .code')), 'fib(n - 1) + fib(n - 2)', 'source');
  await click(page, '.debugger .toolbar [aria-pressed]');
  await page.until("document.querySelector('.debugger .code .at') !== null");
  await page.evaluate("bd0.machine.call('execute', 'stepi')");
  await page.until(`${TICKS} === 60001 && document.querySelector('.registers .changed') !== null`);
  await page.evaluate("bd0.machine.call('execute', 'reverse-stepi')");
  await page.until(`${TICKS} === 60000`);
  await click(page, '.bytes button');
  await page.until(`/stored at 0x|nothing was stored/.test(${textOf('.log pre')})`);
  await click(page, '.code .stop');
  await page.until("document.querySelector('.code .stop[aria-pressed=true]') !== null");

  await openView(page, 'vmos', '.graph .page');
  await page.evaluate(drop('<i>file</i>', Buffer.from('abc')));
  const digest = new VmoStore().fromBytes(Buffer.from('abc')).id;
  await page.until(`${textOf('.vmos')}.includes('${digest}')`);
  t.match(await page.evaluate(textOf('.steps')), `id = SHA-256(02, "BD0VMO", length 3, `);

  await openView(page, 'engine', '.counters');
  t.match(await page.evaluate(textOf('.counters')), /page faults\d/);
  t.equal(await page.evaluate("document.querySelectorAll('i:not([style])').length"), 0, 'names are text');
}

/** A machine that was kept goes on in another one, from the tick at which it was. */
async function testKeeping(t: Test, page: ChromiumPage): Promise<void> {
  await page.evaluate(clickAction('Keep'));
  await page.until(`${textOf('#state')} === 'Kept in this browser'`);
  const ticks = await page.evaluate(TICKS);
  await page.evaluate(clickAction('Return'));
  await page.until(`${stateIs('ended')} && ${shows('fib(18) = 2584')}`);
  t.equal(await page.evaluate('bd0.machine.status.begin'), ticks, 'it begins where it was');
}

/** A machine that was saved to a file goes on when that is dropped. */
async function testSaving(t: Test, page: ChromiumPage): Promise<void> {
  await page.evaluate("bd0.machine.call('goto', bd0.machine.status.begin + 5000)");
  await page.until(stateIs('paused'));
  const ticks = await page.evaluate(TICKS);
  await page.evaluate(`{
    const { createObjectURL } = URL;
    URL.createObjectURL = (blob) => createObjectURL((globalThis.savedFile = blob));
  }`);
  await page.evaluate(clickAction('Save'));
  await page.until('globalThis.savedFile !== undefined');
  await page.evaluate(`{
    const files = new DataTransfer();
    files.items.add(new File([savedFile], 'fib.bd0'));
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true }));
  }`);
  await page.until(`document.title.startsWith('fib.bd0') && ${stateIs('ended')} && ${shows('fib(18) = 2584')}`);
  t.equal(await page.evaluate('bd0.machine.status.begin'), ticks, 'it begins where it was saved');
}

/** What was kept is there after the page was loaded again, and in another tab, which can keep another machine. */
async function testStorage(t: Test, browser: Chromium, page: ChromiumPage): Promise<void> {
  const url = (await page.evaluate('location.href')) as string;
  const hasRun = `${stateIs('ended')} && ${shows('fib(18) = 2584')}`;
  await page.evaluate('globalThis.isOld = true');
  await page.send('Page.reload', {});
  await page.until(`!globalThis.isOld && ${hasRun} && document.title.startsWith('fib –')`);
  const keepAt = async (tab: ChromiumPage, tick: number): Promise<void> => {
    await tab.evaluate(`bd0.machine.call('goto', ${tick})`);
    await tab.until(`${stateIs('paused')} && ${TICKS} === ${tick}`);
    await tab.evaluate(clickAction('Keep'));
    await tab.until(`${textOf('#state')} === 'Kept in this browser'`);
  };
  const returned = async (tab: ChromiumPage): Promise<unknown> => {
    await tab.evaluate('globalThis.before = bd0.machine');
    await tab.evaluate(clickAction('Return'));
    await tab.until(`bd0.machine !== before && ${hasRun}`);
    return tab.evaluate('bd0.machine.status.begin');
  };
  await keepAt(page, 40_000);
  const other = await browser.open(url, 1280, 800);
  await other.until(hasRun);
  t.equal(await returned(other), 40_000, 'the machine of the other tab');
  await keepAt(other, 50_000);
  t.equal(await returned(page), 50_000, 'the one that was kept last');
}

/** Where the storage is full, the page says so. Browsers know for a while how much room there was: so it is a site of its own. */
async function testFullStorage(t: Test, browser: Chromium): Promise<void> {
  const server = await serveSite(site, 0);
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const page = await browser.open(`${origin}/icon.svg`, 1280, 800);
  await page.until("document.querySelector('svg') !== null");
  await page.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1000 });
  await page.send('Page.navigate', { url: `${origin}/?run=cat` });
  await page.until(stateIs('waiting'));
  await page.evaluate(clickAction('Keep'));
  await page.until(stateIs('failed'));
  t.equal(
    await page.evaluate(textOf('#state')),
    'the storage of the browser is full: save the machine to a file instead',
  );
  await page.evaluate('bd0.terminal.focus()');
  await typeLine(page, 'goes on');
  await page.until(shows('goes on\ngoes on'));
}

/** Nothing is cut off, on any usual screen, and every control has a name. */
async function testLayout(t: Test, page: ChromiumPage): Promise<void> {
  for (const view of ['guide', 'memory', 'vmos', 'debugger', 'engine', 'console']) {
    await page.evaluate(`document.getElementById('tab-${view}').click()`);
    for (const [width, height] of [
      [1280, 800],
      [360, 740],
      [3840, 2160],
    ] as const) {
      await page.resize(width, height);
      t.equal(
        await page.evaluate('document.documentElement.scrollWidth > innerWidth'),
        false,
        `${view}, ${width} pixels`,
      );
    }
    const nameless = `Array.from(document.querySelectorAll('button, input:not([hidden]), select, canvas')).filter((each) =>
      !each.textContent.trim() && !each.ariaLabel && !each.closest('.xterm') && !each.title && !each.labels?.length).length`;
    t.equal(await page.evaluate(nameless), 0, `${view}: every control has a name`);
  }
}

const HOSTILE = '<img src=x onerror=alert(1)>';

/** A program whose function has markup for a name, prints markup, and traps. */
function hostileProgram(directory: string): Buffer {
  const source = join(directory, 'hostile.s');
  const write = 'mov $1, %eax\nmov $1, %edi\nlea text(%rip), %rsi\nmov $end - text, %edx\nsyscall\n';
  const text = `.globl _start\n_start: ${write}call "${HOSTILE}"\n.type "${HOSTILE}", @function\n"${HOSTILE}": nop\nud2\n.size "${HOSTILE}", 3\ntext: .ascii "${HOSTILE}"\nend:\n`;
  writeFileSync(source, text);
  const options = ['-nostdlib', '-static-pie', '-Wl,--no-dynamic-linker', '-Wl,-z,noexecstack'];
  execFileSync('gcc', [...options, source, '-o', join(directory, 'hostile')]);
  return readFileSync(join(directory, 'hostile'));
}

/** A trap opens the debugger, at the instruction; names of functions and files are text. */
async function testTrap(t: Test, page: ChromiumPage): Promise<void> {
  await page.evaluate("document.getElementById('tab-console').click()");
  await page.evaluate(drop('<script>file</script>', hostileProgram(t.testdir({}))));
  await page.until(`${stateIs('paused')} && document.querySelector('.debugger .code .current') !== null`);
  t.match(await page.evaluate(textOf('.debugger .code .current')), /ud2/);
  t.match(await page.evaluate(textOf('.debugger')), HOSTILE);
  t.equal(await page.evaluate(shows(HOSTILE)), true, 'the calls of Linux were loaded');
  t.equal(await page.evaluate("document.querySelectorAll('img, body script').length"), 0);
  t.equal(await page.evaluate(textOf('#state')), 'Trap');
}

/** Without its server, the page opens as before. */
async function testOffline(page: ChromiumPage, close: () => void): Promise<void> {
  await page.until("caches.match('images/terminal').then((found) => found !== undefined)");
  await page.until('navigator.serviceWorker.controller !== null');
  close();
  await page.evaluate("history.replaceState(null, '', '/')");
  await page.send('Page.reload', {});
  await page.until(`document.title.startsWith('terminal') && ${shows('\n>')}`);
}

t.test('the page runs machines in Chromium', async (t) => {
  const path = findChromium();
  if (path === undefined) return t.comment('Chromium is not installed (apt install chromium): the page was not tested');
  const server = await serveSite(site, 0);
  const browser = new Chromium(path);
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  t.teardown(async () => {
    await browser.close();
    close();
  });
  const page = await browser.open(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, 1280, 800);
  await t.test('a guide shows what there is', (t) => testGuide(t, page));
  await t.test('the shell starts programs', (t) => testShell(t, page));
  await t.test('the timeline leads back and forth', (t) => testTimeline(t, page));
  await t.test('an endless loop does not stall it', (t) => testEndlessLoop(t, page));
  await t.test('dropped files run, or are refused', (t) => testDrops(t, page));
  await t.test('dropped kernels boot', (t) => testKernel(t, page));
  await t.test('views show the machine', (t) => testViews(t, page));
  await t.test('machines are kept', (t) => testKeeping(t, page));
  await t.test('machines are saved to files', (t) => testSaving(t, page));
  await t.test('tabs share what is kept', (t) => testStorage(t, browser, page));
  await t.test('a full storage is reported', (t) => testFullStorage(t, browser));
  await t.test('it fits small and large screens', (t) => testLayout(t, page));
  await t.test('a trap opens the debugger', (t) => testTrap(t, page));
  await t.test('it opens without its server', () => testOffline(page, close));
});
