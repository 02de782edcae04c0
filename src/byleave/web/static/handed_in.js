// Shows how far a list is that was handed in, and loads its page again once it is read.
const box = document.querySelector("[data-handed]");
const part = (name) => box.querySelector(`[data-part="${name}"]`);
const bar = box.querySelector("progress");
const PAUSE_MS = 1000;
const TOLD_EVERY = 10;
let asked = 0;

async function look() {
  try {
    const answer = await fetch(box.dataset.handed, { headers: { accept: "application/json" } });
    if (answer.ok) {
      const { state, done, total } = await answer.json();
      if (state !== "reading") {
        location.reload();
        return;
      }
      bar.value = done;
      part("count").textContent = done.toLocaleString("en");
      if (asked++ % TOLD_EVERY === 0) part("spoken").textContent = `${done.toLocaleString("en")} of ${total.toLocaleString("en")} lines read`;
    }
  } catch {
    // The network may come back; the next look tells.
  }
  setTimeout(look, PAUSE_MS);
}

setTimeout(look, PAUSE_MS);
