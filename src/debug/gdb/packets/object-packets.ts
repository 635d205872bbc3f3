import { byteString, cut, parseCount, utf8 } from '../byte-strings.js';
import { ERROR, UNSUPPORTED } from '../replies.js';
import type { SessionState } from '../session-state.js';
import { TARGET_DESCRIPTION } from '../target-description.js';
import { DATA_BYTES_MAX, type PacketTable } from './packet-handler.js';
import { threadDoing } from '../../reports/machine-text.js';
import { isOurProcess } from './query-packets.js';

/** Documents that a debugger reads in parts: "qXfer" in the manual of gdb. */
const OBJECTS: Readonly<Record<string, (state: SessionState, annex: string) => string | undefined>> = {
  features: (_, annex) => (annex === 'target.xml' ? TARGET_DESCRIPTION : undefined),
  threads: (state) => utf8(threadList(state)),
  'exec-file': ({ loaded }, annex) => {
    const path = isOurProcess(annex) ? loaded.executable?.path : undefined;
    return path === undefined ? undefined : utf8(path);
  },
  auxv: ({ loaded }, annex) => {
    const vector = annex === '' ? loaded.auxiliaryVector : undefined;
    return vector && byteString(vector);
  },
  libraries: (state) => utf8(libraryList(state)),
  'memory-map': () => MEMORY_MAP,
};

/** Both halves of the canonical addresses: memory comes and goes there, but a debugger asks only once. */
const MEMORY_MAP = [
  '<?xml version="1.0"?>',
  '<!DOCTYPE memory-map PUBLIC "+//IDN gnu.org//DTD GDB Memory Map V1.0//EN" "http://sourceware.org/gdb/gdb-memory-map.dtd">',
  '<memory-map>',
  '<memory type="ram" start="0x0" length="0x800000000000"/>',
  '<memory type="ram" start="0xffff800000000000" length="0x800000000000"/>',
  '</memory-map>',
  '',
].join('\n');

export const OBJECT_PACKETS: PacketTable = {
  qXfer: ({ state }, rest) => {
    const [object, operation, annex, range] = rest.split(':');
    const read = Object.hasOwn(OBJECTS, object!) ? OBJECTS[object!] : undefined;
    if (!read || operation !== 'read') return UNSUPPORTED;
    const [offsetText, lengthText] = cut(range ?? '', ',');
    const [offset, lengthBytes] = [parseCount(offsetText), parseCount(lengthText)];
    if (offset === undefined || lengthBytes === undefined) return ERROR.invalid;
    const document = read(state, annex!);
    if (document === undefined) return 'E00';
    const end = offset + Math.min(lengthBytes, DATA_BYTES_MAX);
    return `${end < document.length ? 'm' : 'l'}${document.slice(offset, end)}`;
  },
};

function threadList(state: SessionState): string {
  const threads = state.target.threads.map((thread) => {
    const id = state.threadText(thread.tid);
    return `<thread id="${id}" name="${escaped(thread.name)}">${escaped(threadDoing(thread))}</thread>`;
  });
  return ['<?xml version="1.0"?>', '<threads>', ...threads, '</threads>', ''].join('\n');
}

/** All files that hold code, but the executable. */
function libraryList({ loaded }: SessionState): string {
  const libraries = loaded.others.map((file) => {
    const address = `0x${loaded.files.extentOf(file).start.toString(16)}`;
    return `<library name="${escaped(file.path)}"><segment address="${address}"/></library>`;
  });
  return ['<?xml version="1.0"?>', '<library-list version="1.0">', ...libraries, '</library-list>', ''].join('\n');
}

/** Text in XML. Characters that XML cannot have at all are replaced. */
function escaped(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
