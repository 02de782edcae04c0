// The part of a page by which somebody hands in pictures: takes folders, files and exports, shows how far it is, lists what is not taken.
import { CannotHash } from "./picture_pool.js";
import { chosenFiles, droppedFiles, itemsOf } from "./picture_sources.js";
import { Refused, beginDraft, sendCopies } from "./pictures_in_send.js";
import { Run } from "./pictures_in_run.js";
import { numbered, timeLeft, View } from "./pictures_in_view.js";

const SPOKEN_EVERY_MS = 20_000;

export function takePicturesIn(part) {
  const view = new View(part);
  const { token, worker } = part.dataset;
  const limits = { bytes: Number(part.dataset.bytes), pixels: Number(part.dataset.pixels), copyBytes: Number(part.dataset.copyBytes) };
  let draft = part.dataset.draft;
  let stopper = null;
  let run = null;
  let spokenAt = 0;

  const begin = async (files) => {
    if (stopper) return;
    view.reading(files.length);
    const want = view.want();
    const { items, faults } = await itemsOf(files);
    if (!items.length && !faults.length) return view.nothing();
    await guarded(async () => {
      draft ||= await beginDraft(token);
      run = new Run({ draft, token, worker, limits, want, items, faults, changed: shown });
      await run.skipDone();
      await work();
    });
  };

  const work = async () => {
    stopper = new AbortController();
    view.started(run);
    spokenAt = performance.now();
    try {
      await run.go(stopper.signal);
    } catch (error) {
      if (!(error instanceof CannotHash) || run.want !== "copy") throw error;
      await sendWhole(run, stopper.signal);
    } finally {
      stopper = null;
    }
    if (run.left.size) view.stopped(run);
    else view.finished(run, draft);
  };

  const shown = () => {
    view.progress(run);
    if (performance.now() - spokenAt < SPOKEN_EVERY_MS) return;
    spokenAt = performance.now();
    view.say(`${numbered(run.looked)} of ${numbered(run.total)} looked at, ${timeLeft(run.secondsLeft())}`);
  };

  const guarded = async (act) => {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof Refused || error instanceof CannotHash)) throw error;
      view.broken(error.message, run);
    }
  };

  part.addEventListener("change", ({ target }) => {
    if (target.type !== "file" || !target.files.length) return;
    const files = chosenFiles(target.files);
    target.value = "";
    begin(files);
  });
  part.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  view.stop.addEventListener("click", () => stopper?.abort());
  view.goOn.addEventListener("click", () => guarded(work));
  listenForDrops(part, async (transfer) => begin(await droppedFiles(transfer)));
  window.addEventListener("beforeunload", (event) => {
    if (stopper) event.preventDefault();
  });
}

// Where no match code can be made in this browser and she agreed to send copies, the files themselves go, and the site makes both.
async function sendWhole(run, signal) {
  for (const item of [...run.left]) {
    if (signal.aborted) return;
    if (item.entry || item.file.size > run.limits.bytes) {
      run.faults.push({ name: item.name, reason: item.entry ? "this browser cannot take it out of its ZIP file" : "it is too large" });
    } else {
      const { accepted, rejected } = await sendCopies(run.draft, run.token, [{ name: item.name, copy: item.file }], false);
      run.accepted += accepted;
      run.faults.push(...rejected);
    }
    run.left.delete(item);
    run.changed(run);
  }
}

function listenForDrops(part, take) {
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  part.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    part.classList.add("over");
  });
  part.addEventListener("dragleave", (event) => {
    if (!part.contains(event.relatedTarget)) part.classList.remove("over");
  });
  part.addEventListener("drop", (event) => {
    part.classList.remove("over");
    if (!carriesFiles(event)) return;
    event.preventDefault();
    event.stopPropagation(); // the page itself takes pictures to search with
    take(event.dataTransfer);
  });
}

for (const part of document.querySelectorAll(".pictures-in[data-worker]")) takePicturesIn(part);
