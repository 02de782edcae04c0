// Runs pictures through as many workers as this device has processors. A worker gets its next picture only when its last answer was
// taken, so that neither pictures nor answers pile up.

const MOST_WORKERS = 8;

// Without module workers, canvases off the page or true pixels, no match code can be made here.
export class CannotHash extends Error {}

export class Pool {
  constructor(address, limits, want) {
    this.limits = limits;
    this.want = want;
    const count = Math.min(MOST_WORKERS, Math.max(1, navigator.hardwareConcurrency || 2));
    this.workers = Array.from({ length: count }, () => startWorker(address));
  }

  // Calls `take(item, answer)` for each item and waits for it; ends early, after what is under way, when the signal says so.
  async run(items, take, signal) {
    const waiting = items[Symbol.iterator]();
    const work = async (starting) => {
      const worker = await starting;
      for (let next = waiting.next(); !next.done && !signal.aborted; next = waiting.next()) {
        const { file, entry } = next.value;
        await take(next.value, await ask(worker, { file, entry, want: this.want, limits: this.limits }));
      }
    };
    await Promise.all(this.workers.map(work));
  }

  async close() {
    for (const worker of await Promise.allSettled(this.workers)) worker.value?.terminate();
  }
}

async function startWorker(address) {
  let worker;
  try {
    worker = new Worker(address, { type: "module" });
  } catch (error) {
    throw new CannotHash("this browser runs no workers", { cause: error });
  }
  const { works } = await answerOf(worker, "this browser cannot run the part that computes match codes");
  if (works) return worker;
  worker.terminate();
  throw new CannotHash("this browser does not let pages read the pixels of pictures");
}

function ask(worker, message) {
  const answer = answerOf(worker, "the browser gave up on it");
  worker.postMessage(message);
  return answer.catch((error) => ({ fault: error.message }));
}

function answerOf(worker, otherwise) {
  return new Promise((resolve, reject) => {
    const finish = (settle, value) => {
      worker.onmessage = worker.onerror = worker.onmessageerror = null;
      settle(value);
    };
    worker.onmessage = ({ data }) => finish(resolve, data);
    worker.onerror = worker.onmessageerror = () => finish(reject, new CannotHash(otherwise));
  });
}
