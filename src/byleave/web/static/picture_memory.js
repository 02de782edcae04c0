// Remembers, in this browser only and for a day, what a draft has already, so that a folder handed in again goes on where it stopped.

const LIFE_MS = 24 * 60 * 60 * 1000;

export async function doneIn(draft) {
  const found = await within("readonly", (store) => store.index("draft").getAllKeys(draft));
  return new Set((found ?? []).map(([, key]) => key));
}

export async function remember(draft, keys) {
  await within("readwrite", (store) => {
    for (const key of keys) store.put({ draft, key, at: Date.now() });
  });
}

export async function forgetOld() {
  await within("readwrite", (store) => {
    const request = store.index("at").openCursor(IDBKeyRange.upperBound(Date.now() - LIFE_MS));
    request.onsuccess = () => {
      request.result?.delete();
      request.result?.continue();
    };
  });
}

// Where a browser keeps nothing for pages, as in some private windows, nothing is remembered and everything else goes on.
async function within(mode, act) {
  let database;
  try {
    database = await settled(opening());
    const transaction = database.transaction("done", mode);
    const ended = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
    const request = act(transaction.objectStore("done"));
    await ended;
    return request?.result;
  } catch (error) {
    if (error instanceof DOMException || error === null) return undefined;
    throw error;
  } finally {
    database?.close();
  }
}

function opening() {
  const request = indexedDB.open("byleave-pictures", 1);
  request.onupgradeneeded = () => {
    const store = request.result.createObjectStore("done", { keyPath: ["draft", "key"] });
    store.createIndex("draft", "draft");
    store.createIndex("at", "at");
  };
  return request;
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
