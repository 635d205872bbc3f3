import type { VmoHandle } from '../../vmo/handle.js';
import { CONSOLE_MODE, type ConsoleMode } from '../terminal/console.js';
import { EndedCodes } from './ended-codes.js';
import { HandleTable } from './handles.js';
import { HostMemory } from '../host-memory.js';
import { HEAP_PAIR_OFFSET } from '../program/header-page.js';
import { toLinear, type LinearAddress } from '../memory/linear-address.js';
import type { Region } from '../memory/region.js';
import type { View } from '../memory/view.js';
import type { ThreadLocalTemplate } from '../program/elf.js';
import type { Thread, ThreadStack } from './thread.js';
import type { TrapReport } from '../reports/trap-report.js';
import type { LinuxProcess } from '../linux/linux-process.js';
import { kept, schema, value } from '../../state/schema.js';

/** Where the memory of a process is a copy of that of another one. */
export interface Copy {
  /** The clock when it was made. */
  readonly tick: number;
  /** Where the home of the other one began. */
  readonly start: LinearAddress;
  /** Where that was a copy itself. */
  readonly copy: Copy | undefined;
}

/** What a process was started as. */
export interface ProcessDescription {
  readonly parent: number;
  readonly name: string;
  /** The name in UTF-8, at most 63 bytes. */
  readonly nameBytes: Uint8Array;
  /** Where the header page, the heap, the stacks and an image that can be moved lie; it may be that of another process. */
  readonly region: Region;
  /** Where its header page lies: at the start of the region, unless it lives in that of another process. */
  readonly header: LinearAddress;
  /** Of a process that was forked, and runs no other program: whence `region` has what was not written since. */
  readonly copy?: Copy | undefined;
  /** Bytes from there that are its own: the region, or the header page and the image. */
  readonly size: number;
  /** Where an image linked at a fixed address lies; undefined for one that is in `region`. */
  readonly imageRegion: Region | undefined;
  /** Where the heap began: after the header page, and after the image if that lies there. */
  readonly heap: LinearAddress;
  /** Where the code of its image begins, as it sees it; a dynamic linker may run before. */
  readonly entry: LinearAddress;
  /** The stack of its first thread, with argv and what the ABI wants at its top. */
  readonly mainStack: ThreadStack;
  /** PROTECTION_ bits of the stacks of its threads. */
  readonly stackProtection: number;
  /** The word that -fstack-protector finds at fs:28h in all of them. */
  readonly canary: bigint;
  /** Thread-local storage that each thread is to have: its template at the address where it lies in memory. */
  readonly threadLocal: ThreadLocalTemplate | undefined;
  /** The identity of the image, 64 hexadecimal digits. */
  readonly imageId: string;
}

/** How a process ended. */
export interface ProcessEnd {
  /** 0 to 255. */
  readonly exitCode: number;
  /** Why, where it did not end itself. */
  readonly trap: TrapReport | undefined;
}

/** A process: a region, and the threads that belong to it. */
export class Process {
  /** @internal */
  static readonly state = schema(
    'process',
    Process,
    {
      pid: value,
      description: value,
      image: value,
      hostMemory: kept('the one account of the machine'),
      threads: value,
      handles: value,
      mapChanges: kept('only compared with what it was'),
      mapList: value,
      endedChildren: value,
      endedThreads: value,
      freeStacks: value,
      consoleMode: value,
      end: value,
      linux: value,
      view: value,
    },
    { label: ({ pid }) => String(pid) },
  );

  readonly threads: Thread[] = [];
  readonly handles: HandleTable;
  /** Number of changes of `maps`. */
  mapChanges = 0;
  private readonly mapList: Region[] = [];
  /** The codes of its children that have ended, and of its threads, until they are collected. */
  readonly endedChildren: EndedCodes;
  readonly endedThreads: EndedCodes;
  /** Stacks of threads that have ended, ascending by size: the next threads get them. */
  readonly freeStacks: ThreadStack[] = [];
  /** How it wants the input of a terminal while it is in the foreground. */
  consoleMode: ConsoleMode = CONSOLE_MODE.lines;
  /** What it has besides as a process of Linux; undefined for one of BD0. */
  linux: LinuxProcess | undefined;
  /** What it sees elsewhere than where it lies; undefined: nothing. */
  view: View | undefined;
  /** Undefined while it lives. */
  end: ProcessEnd | undefined;

  constructor(
    /** Its slot + 1 in the low 32 bits, a generation above. */
    readonly pid: number,
    /** Another one when a process of Linux begins another program. */
    public description: ProcessDescription,
    /** What it was loaded from; closed when it ends. */
    public image: VmoHandle,
    /** The account that it and what belongs to it are charged to. */
    readonly hostMemory = new HostMemory(),
  ) {
    this.handles = new HandleTable(hostMemory);
    this.endedChildren = new EndedCodes(hostMemory);
    this.endedThreads = new EndedCodes(hostMemory);
    hostMemory.charge('process');
  }

  /** Closes its handles and forgets what it could be asked for, when it has ended: nothing of it is charged any more. */
  giveUp(): void {
    this.handles.closeAll();
    this.image.close();
    this.endedChildren.clear();
    this.endedThreads.clear();
    this.hostMemory.release('freeStack', this.freeStacks.length);
    this.freeStacks.length = 0;
    this.hostMemory.release('process');
  }

  get name(): string {
    return this.description.name;
  }

  /** The linear address of its header page. */
  get start(): bigint {
    return toLinear(this.description.header);
  }

  /** Bytes of its region; for one that lives in another's, those of its header page and its image. */
  get size(): number {
    return this.description.size;
  }

  /** The linear address of its first instruction. */
  get entry(): bigint {
    return toLinear(this.description.entry);
  }

  /** The identity of its image, 64 hexadecimal digits. */
  get imageId(): string {
    return this.description.imageId;
  }

  get region(): Region {
    return this.description.region;
  }

  /** Where the pair of heap pointer and stack floor lies that it moves. */
  get heapPair(): LinearAddress {
    return this.region.start + HEAP_PAIR_OFFSET;
  }

  /** Maps of VMOs that it made outside of its regions. They go with it. */
  get maps(): readonly Region[] {
    return this.mapList;
  }

  addMap(map: Region): void {
    this.mapList.push(map);
    this.mapChanges++;
  }

  /** Returns false if it is not one of them. */
  removeMap(map: Region): boolean {
    const index = this.mapList.indexOf(map);
    if (index < 0) return false;
    this.mapList.splice(index, 1);
    this.mapChanges++;
    return true;
  }

  /** All its regions. */
  get regions(): Region[] {
    const { region, imageRegion } = this.description;
    return imageRegion ? [region, imageRegion] : [region];
  }
}
