// The page on which a receipt is checked: takes the file, asks for the public files of log and list, says what holds.
import { Broken } from "./tlog.js";
import { check } from "./receipt_check.js";

const form = document.querySelector("#verify");
const found = document.querySelector("#found");

// Nothing was taken out of the newest list when this page was made, and a browser would report what is not there as a fault.
const known = `${form.dataset.releases}/${form.dataset.intact}/redaction.json`;

async function fetched(address) {
  if (form.dataset.intact && address === known) return null;
  const answer = await fetch(address, { credentials: "omit" });
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(`${address} cannot be had now`);
  return new Uint8Array(await answer.arrayBuffer());
}

async function run() {
  const file = form.querySelector("#receipt").files[0];
  if (!file) return;
  found.replaceChildren();
  const steps = document.createElement("ol");
  const shown = document.createElement("details");
  shown.open = true;
  add(shown, "summary", "What was checked, step by step");
  shown.append(steps);
  const trusted = form.querySelector("#keys").value;
  const places = { log: form.dataset.log, releases: form.dataset.releases };
  try {
    const verdict = await check(await file.text(), trusted, places, fetched, (words) => add(steps, "li", words));
    add(found, "p", verdict.words, `told verdict-${verdict.holds ? "holds" : "broken"}`);
  } catch (error) {
    const said = error instanceof Broken ? error.message : `it could not be checked: ${error.message}`;
    add(found, "p", `This does not hold: ${said}.`, "told verdict-broken");
  }
  if (steps.childElementCount) found.append(shown);
}

function add(parent, name, words, className = "") {
  const element = document.createElement(name);
  element.textContent = words;
  if (className) element.className = className;
  parent.append(element);
}

if (globalThis.crypto?.subtle) form.addEventListener("change", run);
else add(found, "p", "This page can check nothing here, since browsers compute only on pages sent over https.", "told verdict-broken");

form.addEventListener("submit", (event) => event.preventDefault());
for (const kind of ["dragover", "drop"]) {
  form.addEventListener(kind, (event) => {
    event.preventDefault();
    if (kind === "drop" && event.dataTransfer.files.length) {
      form.querySelector("#receipt").files = event.dataTransfer.files;
      run();
    }
  });
}
