// What a platform's export says of its pictures: captions and links, out of the JSON files beside them. Layouts differ and change, so
// none is built in: an object that names a file of the export speaks of that file, and what it does not say its surroundings do.
import { BrokenZip, bytesOf } from "./zip.js";

const MOST_JSON_BYTES = 16 * 1024 * 1024;
const MOST_JSON_IN_ALL = 128 * 1024 * 1024;
const MOST_DEPTH = 32;
const MOST_LABEL = 200;

const PATHS = ["uri", "path", "file", "filename", "file_name", "media_uri", "src", "image"];
const LABELS = ["title", "caption", "name", "description", "text"];
const LINKS = ["permalink", "url", "link", "href", "page_url"];

// Returns entry name → { label, link } for the entries that something is said of.
export async function labelsOf(file, entries) {
  const said = new Map();
  const places = placesOf(entries);
  let left = MOST_JSON_IN_ALL;
  for (const entry of entries) {
    if (!/\.json$/i.test(entry.name) || entry.size > MOST_JSON_BYTES || entry.size > left) continue;
    left -= entry.size;
    const value = await json(file, entry);
    if (value !== undefined) walk(value, {}, 0, (path, words) => note(said, places, path, words));
  }
  return said;
}

async function json(file, entry) {
  try {
    return JSON.parse(new TextDecoder().decode(await bytesOf(file, entry, MOST_JSON_BYTES)));
  } catch (error) {
    if (error instanceof BrokenZip || error instanceof SyntaxError) return undefined; // only its captions are lost
    throw error;
  }
}

// Each entry by every end of its path: exports write paths from the top of the export, or from a folder within it.
function placesOf(entries) {
  const places = new Map();
  for (const { name } of entries) {
    const parts = name.split("/");
    for (let from = 0; from < parts.length; from += 1) {
      const end = parts.slice(from).join("/");
      places.set(end, places.has(end) && from > 0 ? null : name);
    }
  }
  return places;
}

function walk(value, around, depth, found) {
  if (depth > MOST_DEPTH || typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    for (const one of value) walk(one, around, depth + 1, found);
    return;
  }
  const own = { label: firstText(value, LABELS) ?? around.label, link: firstLink(value) ?? around.link };
  const path = firstText(value, PATHS);
  if (path) found(path, own);
  for (const inside of Object.values(value)) walk(inside, own, depth + 1, found);
}

function note(said, places, path, { label, link }) {
  const name = places.get(path.replace(/^\.?\//, ""));
  if (!name || !(label || link)) return;
  const before = said.get(name) ?? {};
  said.set(name, { label: before.label ?? label, link: before.link ?? link });
}

function firstText(value, names) {
  const found = names.map((name) => value[name]).find((one) => typeof one === "string" && one.trim());
  return found === undefined ? undefined : mended(found.trim()).slice(0, MOST_LABEL);
}

function firstLink(value) {
  return LINKS.map((name) => value[name]).find((one) => typeof one === "string" && /^https?:\/\/\S+$/.test(one) && one.length <= 2000);
}

// Instagram writes the bytes of UTF-8 as if each were a letter.
function mended(text) {
  if (!/[\x80-\xff]/.test(text) || /[^\0-\xff]/.test(text)) return text;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(text, (letter) => letter.charCodeAt(0)));
  } catch {
    return text;
  }
}
