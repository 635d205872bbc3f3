/** Files of /proc/sysvipc. */
import type { Ipc } from '../../ipc/ipc.js';
import type { IpcObject } from '../../ipc/ipc-object.js';

/** A column: its name, how wide it is, and what each object has there. */
type Column<Kind> = readonly [name: string, width: number, of: (object: Kind) => number | string];

const head = (id: string): readonly Column<IpcObject>[] => [
  ['key', 10, ({ key }) => key | 0],
  [id, 11, ({ id: number }) => number],
  ['perms', 6, ({ mode }) => mode.toString(8)],
];
const OWNERS: readonly Column<IpcObject>[] = [
  ['uid', 6, ({ owner }) => owner],
  ['gid', 6, ({ group }) => group],
  ['cuid', 6, ({ creator }) => creator],
  ['cgid', 6, ({ creatorGroup }) => creatorGroup],
];

const TEXTS: Readonly<Record<string, (ipc: Ipc) => string>> = {
  'sysvipc/msg': ({ queues }) =>
    table(queues.all, [
      ...head('msqid'),
      ['cbytes', 12, ({ bytes }) => bytes],
      ['qnum', 11, ({ messages }) => messages.length],
      ['lspid', 6, ({ sender }) => sender],
      ['lrpid', 6, ({ receiver }) => receiver],
      ...OWNERS,
      ['stime', 11, ({ sentAt }) => sentAt],
      ['rtime', 11, ({ receivedAt }) => receivedAt],
      ['ctime', 11, ({ changedAt }) => changedAt],
    ]),
  'sysvipc/sem': ({ semaphores }) =>
    table(semaphores.all, [
      ...head('semid'),
      ['nsems', 11, ({ values }) => values.length],
      ...OWNERS,
      ['otime', 11, ({ usedAt }) => usedAt],
      ['ctime', 11, ({ changedAt }) => changedAt],
    ]),
  'sysvipc/shm': ({ segments }) =>
    table(segments.all, [
      ...head('shmid'),
      ['size', 22, ({ size }) => size],
      ['cpid', 6, ({ creatorPid }) => creatorPid],
      ['lpid', 6, ({ lastPid }) => lastPid],
      ['nattch', 7, ({ attachments }) => attachments],
      ...OWNERS,
      ['atime', 11, ({ attachedAt }) => attachedAt],
      ['dtime', 11, ({ detachedAt }) => detachedAt],
      ['ctime', 11, ({ changedAt }) => changedAt],
      ['rss', 22, () => 0],
      ['swap', 22, () => 0],
    ]),
};

/** The text of a file, by its path below /proc; undefined for others. */
export function ipcText(path: string, ipc: Ipc): string | undefined {
  return Object.hasOwn(TEXTS, path) ? TEXTS[path]!(ipc) : undefined;
}

function table<Kind>(objects: readonly Kind[], columns: readonly Column<Kind>[]): string {
  const line = (cell: (column: Column<Kind>) => string): string =>
    `${columns.map((column) => cell(column).padStart(column[1])).join('')}\n`;
  return [line(([name]) => name), ...objects.map((object) => line(([, , of]) => String(of(object))))].join('');
}
