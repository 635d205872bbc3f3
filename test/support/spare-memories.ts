/**
 * Makes the WebAssembly memories of test machines several at a time: `node --import spare-memories.js`. For every new memory V8
 * collects garbage, since it counts the 128 MB of tables and the guest memory as if they were used: 75 ms of CPU time in a process
 * with 40 MB of objects, ten times what the machine itself costs. It does so once for memories that are made together. They cost
 * address space only: nothing of them is touched before a machine has one.
 */

/** From the first one of a size on, each time twice as many are made as the time before, up to these. */
const MOST_MEMORIES = 16;
const MOST_BYTES = 2 ** 32;

const WASM_PAGE_BYTES = 65536;

interface Spare {
  readonly memories: WebAssembly.Memory[];
  /** Number of memories to make when there is none left. */
  next: number;
}

/** By size in Wasm pages. */
const spares = new Map<number, Spare>();

function spareOf(pages: number): Spare {
  const known = spares.get(pages);
  if (known) return known;
  const made = { memories: [], next: 1 };
  spares.set(pages, made);
  return made;
}

WebAssembly.Memory = new Proxy(WebAssembly.Memory, {
  construct(Memory, [descriptor]: [WebAssembly.MemoryDescriptor]) {
    const { initial, maximum, shared } = descriptor;
    if (initial !== maximum || shared) return new Memory(descriptor);
    const spare = spareOf(initial);
    if (spare.memories.length === 0) {
      for (let count = 0; count < spare.next; count++) {
        const memory = new Memory(descriptor);
        // V8 counts the bytes when the buffer is made, which is when somebody asks for it.
        void memory.buffer;
        spare.memories.push(memory);
      }
      const most = Math.min(MOST_MEMORIES, Math.floor(MOST_BYTES / (initial * WASM_PAGE_BYTES)));
      spare.next = Math.max(1, Math.min(2 * spare.next, most));
    }
    return spare.memories.pop()!;
  },
});
