// What somebody hands in, as one list of files to look at: chosen files, a folder, what was dropped, the entries of a ZIP file.
//
// An item is { name, key, file, entry, label, link }: where it stands, what tells it from others when it is handed in again, and for
// an entry of a ZIP file the entry; label and link are what an export says of it.
import { labelsOf } from "./export_labels.js";
import { HEAD_BYTES, kindOf } from "./picture_kind.js";
import { BrokenZip, entriesOf } from "./zip.js";

const SYSTEM_FILE = /(^|\/)(\.[^/]*|__MACOSX|Thumbs\.db|desktop\.ini)(\/|$)/i;

// Returns { items, faults }: faults name ZIP files that cannot be read.
export async function itemsOf(files) {
  const items = [];
  const faults = [];
  for (const { file, name } of files) {
    if (SYSTEM_FILE.test(name)) continue;
    try {
      if (await isZip(file)) items.push(...(await itemsOfZip(file, name)));
      else items.push({ name, key: `${name}|${file.size}|${file.lastModified}`, file });
    } catch (error) {
      if (!(error instanceof BrokenZip || error instanceof DOMException)) throw error;
      faults.push({ name, reason: error instanceof BrokenZip ? error.message : "it cannot be read from this device" });
    }
  }
  return { items, faults };
}

export function chosenFiles(list) {
  return [...list].map((file) => ({ file, name: file.webkitRelativePath || file.name }));
}

// What was dropped, folders with all that is in them. The browser empties the list as soon as the event is over: it is read before.
export async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const loose = chosenFiles(transfer.files);
  if (!entries.length) return loose;
  const found = [];
  for (const entry of entries) await gather(entry, found);
  return found;
}

async function gather(entry, found) {
  const name = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) {
    found.push({ name, file: await new Promise((resolve, reject) => entry.file(resolve, reject)) });
    return;
  }
  const reader = entry.createReader();
  const some = () => new Promise((resolve, reject) => reader.readEntries(resolve, reject));
  for (let inside = await some(); inside.length; inside = await some()) { // a browser gives a hundred at a time
    for (const one of inside) await gather(one, found);
  }
}

async function isZip(file) {
  if (/\.zip$/i.test(file.name)) return true;
  return kindOf(new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer())) === "zip";
}

async function itemsOfZip(file, name) {
  const entries = (await entriesOf(file)).filter((entry) => !SYSTEM_FILE.test(entry.name));
  const said = await labelsOf(file, entries);
  return entries.map((entry) => ({
    name: `${name}: ${entry.name}`,
    key: `${name}|${file.size}|${entry.name}|${entry.crc}`,
    file,
    entry,
    ...said.get(entry.name),
  }));
}
