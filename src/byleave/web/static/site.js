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
