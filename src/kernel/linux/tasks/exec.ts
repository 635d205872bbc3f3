import { cpuid } from '../../../cpu/state/cpuid.js';
import { OutOfFramesError } from '../../../vmo/errors.js';
import type { Steps } from '../../../vmo/steps.js';
import { KernelError } from '../../errors.js';
import { again } from '../../memory/map-target.js';
import type { Region } from '../../memory/region.js';
import { unload } from '../../memory/unload.js';
import { ElfError } from '../../program/elf-fields.js';
import { MAX_NAME_BYTES } from '../../program/header-page.js';
import type { View } from '../../memory/view.js';
import type { LinuxContext } from '../call.js';
import { LinuxErrno, LinuxError, failed } from '../errno.js';
import { SUPERUSER } from '../files/credentials.js';
import { mappedFileAt } from '../files/mapped-file.js';
import { placeHome } from '../program/linux-layout.js';
import { LinuxImages, loadLinux, type LinuxLoadTarget, type LoadedLinux } from '../program/linux-loader.js';
import { leaveParent } from './clone.js';
import { findProgram, type FoundProgram, type ProgramRequest } from './find-program.js';
import { leaveSight, sightOf } from './sight.js';

const RANDOM_BYTES = 16;

/** A program that is loaded beside the one that runs. */
interface Prepared {
  readonly home: Region;
  readonly view: View | undefined;
  readonly loaded: LoadedLinux;
}

/** What execve is asked for. */
export interface ExecRequest extends ProgramRequest {
  readonly environment: readonly Uint8Array[];
}

/** Begins another program in a process of Linux. Nothing has changed where it answers an error. */
export function* exec(context: LinuxContext, request: ExecRequest): Steps<bigint, number> {
  let found: FoundProgram | undefined;
  try {
    found = findProgram(context, request);
    for (const hashing = context.store.hashAheadInSteps(found.image); !hashing.next().done;) yield 0;
    const prepared = prepare(context, found, request.environment);
    begin(context, found, request.environment, prepared);
    return 0n;
  } catch (error) {
    if (error instanceof LinuxError) return failed(error.errno);
    if (error instanceof ElfError) return failed(LinuxErrno.ENOEXEC);
    if (error instanceof KernelError || error instanceof OutOfFramesError) return failed(LinuxErrno.ENOMEM);
    throw error;
  } finally {
    found?.image.close();
  }
}

function prepare(context: LinuxContext, found: FoundProgram, environment: ExecRequest['environment']): Prepared {
  const { space, pager, linux, system } = context;
  const target = loadTarget(context);
  const images = new LinuxImages(target, found.image);
  let home: Region | undefined;
  let view: View | undefined;
  try {
    home = placeHome(space);
    view = sightOf(pager.pageTable, {
      ...{ region: home, window: linux.memory.window, usesLow: images.elf.fixed, annexes: [] },
    });
    const loaded = loadLinux(target, { home, view, bytes: context.process.size }, images, {
      ...{ image: found.image, file: found.file, path: found.path, argv: found.argv, environment },
      user: found.credentials,
      random: system.random.bytes(RANDOM_BYTES),
      features: cpuid(1, 0)[3],
    });
    return { home, view, loaded };
  } catch (error) {
    leaveSight(pager.pageTable, view);
    if (home) unload(context, home);
    throw error;
  } finally {
    images.close();
  }
}

function loadTarget({ store, space, pager, kernel, system }: LinuxContext): LinuxLoadTarget {
  const { fileSystem } = system;
  return {
    store,
    space,
    pager,
    memory: kernel.memory,
    images: kernel.images,
    openImage: (path) => system.openImage(path),
    mappedFileAt: (path) => mappedFileAt(fileSystem, { credentials: SUPERUSER, start: fileSystem.root }, path),
  };
}

/** The program that ran before is gone. */
function begin(
  context: LinuxContext,
  found: FoundProgram,
  environment: ExecRequest['environment'],
  { home, view, loaded }: Prepared,
): void {
  const { kernel, thread, process, linux, store, pager } = context;
  for (const other of [...process.threads]) if (other !== thread) kernel.endThread(other, 0);
  context.system.leave(process, [thread]);
  if (process.region.users === 1)
    context.system.ipc.detach(process.region, process.region.start, process.region.end, linux.pid);
  const before = { region: process.region, view: process.view, image: process.image };
  const { name, nameBytes } = nameOf(found.path);
  process.description = {
    ...process.description,
    ...{ name, nameBytes, region: home, copy: undefined, header: home.start, heap: loaded.memory.breakStart },
    ...{ entry: loaded.entry, mainStack: loaded.stack, imageId: found.image.id },
  };
  process.image = again(store, found.image);
  process.view = view;
  store.closing(() => before.image.close());
  context.system.jobs.endTimers(linux.signals);
  linux.place.credentials = found.credentials;
  linux.exec(loaded.memory, { path: found.file.path, argv: found.argv, environment, auxiliary: loaded.auxiliary });
  const { tid } = thread.linux!;
  thread.linux = thread.linux!.exec(linux.pid);
  thread.stack = loaded.stack;
  kernel.execThread(thread, loaded.rip, loaded.rsp);
  leaveSight(pager.pageTable, before.view);
  if (--before.region.users === 0) kernel.freeRegions([before.region]);
  leaveParent(context, linux);
  context.system.tracing.executed(thread, tid);
}

/** The last part of a path, as a name of a process of BD0. */
function nameOf(path: Uint8Array): { readonly name: string; readonly nameBytes: Uint8Array } {
  const start = path.lastIndexOf(0x2f) + 1;
  const text = new TextDecoder().decode(path.subarray(start, start + MAX_NAME_BYTES));
  // What is no UTF-8, or is cut within a letter, is shown as question marks, which take no more bytes.
  const name = text.replace(/\uFFFD/g, '?') || '?';
  return { name, nameBytes: new TextEncoder().encode(name) };
}
