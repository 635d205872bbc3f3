/** Machines that are kept in the storage of the browser: IndexedDB of this origin. */

const DATABASE = 'bd0';
const STORE = 'machines';

/** A saved snapshot, as a canonical stream, and the program that ran in it. */
export interface KeptMachine {
  readonly name: string;
  readonly stream: Uint8Array;
}

/** Keeps a machine, in the place of the one that was kept before. Throws an Error where the storage is full, or refused. */
export async function keepMachine(machine: KeptMachine): Promise<void> {
  const database = await open();
  try {
    const transaction = database.transaction(STORE, 'readwrite');
    transaction.objectStore(STORE).put(machine, 'last');
    await new Promise<void>((done, failed) => {
      transaction.oncomplete = () => done();
      transaction.onabort = transaction.onerror = () => failed(reasonOf(transaction.error));
    });
  } finally {
    database.close();
  }
}

/** The machine that was kept last; undefined if there is none. */
export async function keptMachine(): Promise<KeptMachine | undefined> {
  const database = await open();
  try {
    return (await answer(database.transaction(STORE).objectStore(STORE).get('last'))) as KeptMachine | undefined;
  } finally {
    database.close();
  }
}

async function open(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return answer(request);
}

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(reasonOf(request.error));
  });
}

function reasonOf(error: DOMException | null): Error {
  const isFull = error?.name === 'QuotaExceededError';
  return new Error(
    isFull
      ? 'the storage of the browser is full: save the machine to a file instead'
      : `the browser cannot store machines: ${error?.message ?? 'no reason given'}`,
  );
}
