// What pages gain with JavaScript. Each part does nothing on pages that have no use for it.
import { takePictures } from "./picture.js";
import { keepSelection } from "./selection.js";
import { addMenus } from "./menu.js";
import { openEntriesInDrawer } from "./drawer.js";
import { offerPasskeys } from "./passkeys.js";

for (const form of document.querySelectorAll("form[data-drop]")) takePictures(form);

offerPasskeys();

const selection = document.querySelector("#selection");
const chosen = selection ? keepSelection(selection) : null;
const drawer = document.querySelector("#drawer");
const openEntry = drawer && selection ? openEntriesInDrawer(drawer, selection) : null;
if (selection) addMenus(selection, chosen, openEntry);

// A choice that is filed is done with: the next visit starts with nothing chosen.
document.querySelector("form[data-files]")?.addEventListener("submit", (event) => {
  if (event.currentTarget.getAttribute("action") === "/choices") sessionStorage.removeItem("chosen");
});

// A second press while the first is on its way is a slip of the finger: keys are shown once, and choices are made once.
const SLIP_MS = 5000;
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  const now = Date.now();
  if (now - Number(form.dataset.sentAt ?? 0) < SLIP_MS) event.preventDefault();
  else form.dataset.sentAt = now;
});
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sentAt;
});
