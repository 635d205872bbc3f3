import t from 'tap';
import { describeStatistics, resultAsJson, type RunResult } from '../../src/cli/run/run-result.js';
import type { TranslationStats } from '../../src/cpu/translator/events.js';
import type { Statistics } from '../../src/index.js';

/** Every counter of a machine; `scale` multiplies them all. */
function statistics(scale = 1): Statistics {
  const many = 1234 * scale;
  return {
    ...{ ticks: many * 1000 + 1, instructions: many * 1000, faults: 7, switches: 3, tlbDrops: 4, decoded: 5 },
    evaluated: Object.fromEntries(
      ['ADD', 'CPUID', 'RDTSC', 'LSS', 'LGS', 'POPF', 'STI', 'CLI', 'SYSCALL'].map((mnemonic, i) => [
        mnemonic,
        many + i,
      ]),
    ),
    frames: { inUse: many, private: many, clean: many, idle: many, tables: many, allocated: many, evictions: many, hits: many, copies: many }, // prettier-ignore
    writeBacks: { count: many, bytesKept: many * 4096 },
    hostMemory: { usedBytes: many, maxBytes: many * 1000 },
    vmos: {
      pagesStored: many,
      leavesHashed: many,
      nodesHashed: many,
      published: many,
      extentsVisited: many,
      recordsRead: many,
    },
  };
}

function translation(scale = 1): TranslationStats {
  return {
    ...{ modules: 3 * scale, modulesInAll: 5 * scale },
    ...{ regionsLive: 11 * scale, regionsEvicted: 12 * scale, regionsDropped: 13 * scale, regionsResumed: 14 * scale },
    ...{ wasmBytes: 40_000 * scale, wasmBytesInAll: 50_000 * scale, instructionsTranslated: 1000 * scale },
    ...{ millisecondsGenerating: 1.26 * scale, millisecondsCompiling: 2.34 * scale },
    ...{ hitsByContent: 21 * scale, hitsInStore: 22 * scale },
    ...{ entriesFromTypeScript: 31_000 * scale, entriesChained: 32_000 * scale },
  };
}

t.test('statistics are told in words, those of translation where there are any', async (t) => {
  const lines = describeStatistics({ ...statistics(), translation: translation() }, 0.5);
  t.strictSame(lines, [
    'instructions      1 234 000, 2.47 MIPS',
    'time              0.500 s here, 0.001234001 s in the machine',
    'page faults       7',
    'thread switches   3',
    'TLB drops         4',
    'decoded           5 instructions',
    'evaluated         11 142 instructions, 1 242 SYSCALL, 1 241 CLI, 1 240 STI,',
    '                  1 239 POPF, 1 238 LGS, 1 237 LSS, 1 236 RDTSC, 1 235 CPUID',
    'frames in use     1 234: 1 234 private, 1 234 clean (1 234 idle),',
    '                  1 234 page tables',
    'frames allocated  1 234, 1 234 by eviction',
    'written back      1 234 pages, 5 054 464 bytes kept now',
    'hits by content   1 234',
    'pages copied      1 234',
    'VMO pages stored  1 234',
    'host memory       1 234 bytes for objects now, of 1 234 000',
    'hashes            1 234 leaves, 1 234 nodes',
    'regions           11 live, 12 evicted, 13 dropped by stores',
    'regions entered   31 000 from TypeScript, 32 000 chained',
    'regions found     21 by content, 22 in the store, 14 where they were',
    'Wasm modules      3 now, 5 in all',
    'Wasm bytes        40 000 now, 50 000 in all',
    'translated        1 000 instructions of 50.0 bytes',
    'translation       1.3 ms generating, 2.3 compiling',
  ]);
  t.strictSame(describeStatistics(statistics(), 0.5), lines.slice(0, 17));
});

t.test('statistics fit 80 columns, however large', async (t) => {
  for (const scale of [0, 1, 1e3, 1e6, 1e9]) {
    const lines = describeStatistics({ ...statistics(scale), translation: translation(scale) }, 1000);
    t.strictSame(
      lines.filter((line) => line.length > 80),
      [],
      `scaled by ${scale}`,
    );
    for (const line of lines) t.match(line, /^(?=.{16}  \S)[A-Za-z ]/, 'values stand below one another');
  }
});

t.test('JSON has the statistics of translation', async (t) => {
  const result = {
    ...{ image: 'fib', id: '00', exitCode: 124, seconds: 1 },
    end: { kind: 'limit', what: '1 s (--timeout)' },
    statistics: { ...statistics(), translation: translation() },
  } as const satisfies RunResult;
  t.match(JSON.parse(resultAsJson(result)), { outcome: 'limit', translation: translation() });
});
