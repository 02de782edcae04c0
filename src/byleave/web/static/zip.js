// Reads a ZIP file where it lies: its list of entries from the end, then single entries, inflated by the browser. Never all of it at once.

const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const FULL = 0xffffffff;

const MOST_ENTRIES = 200_000;
const MOST_DIRECTORY_BYTES = 64 * 1024 * 1024;

// The file, or one entry of it, cannot be read; the message says why.
export class BrokenZip extends Error {}

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

// The entries that are files, in the order of the list: { name, method, encrypted, crc, compressed, size, offset }.
export async function entriesOf(file) {
  const { count, size, offset, shift } = await findDirectory(file);
  if (count > MOST_ENTRIES || size > MOST_DIRECTORY_BYTES) throw new BrokenZip(`its list has ${count} entries, at most ${MOST_ENTRIES} are read`);
  const view = await viewOf(file, offset + shift, size);
  const entries = [];
  for (let at = 0, number = 0; number < count; number += 1) {
    if (at + 46 > view.byteLength || view.getUint32(at, true) !== ENTRY) throw new BrokenZip("its list of entries is damaged");
    const end = at + 46 + view.getUint16(at + 28, true) + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (end > view.byteLength) throw new BrokenZip("its list of entries is damaged");
    const entry = entryAt(view, at);
    entry.offset += shift;
    if (!entry.name.endsWith("/")) entries.push(entry);
    at = end;
  }
  return entries;
}

// All bytes of an entry. More than ``most`` are never taken, whatever the list says of it.
export async function bytesOf(file, entry, most) {
  if (entry.size > most) throw new BrokenZip(`it has ${megabytes(entry.size)} MB, at most ${megabytes(most)} are read`);
  const bytes = new Uint8Array(entry.size);
  let taken = 0;
  let crc = -1;
  for await (const chunk of chunksOf(file, entry)) {
    if (taken + chunk.length > entry.size) throw new BrokenZip("it is longer than the list of the ZIP file says");
    bytes.set(chunk, taken);
    taken += chunk.length;
    for (const byte of chunk) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 255];
  }
  if (taken !== entry.size || (~crc >>> 0) !== entry.crc) throw new BrokenZip("it is damaged inside the ZIP file");
  return bytes;
}

// The first bytes of an entry, fewer where it is shorter.
export async function headOf(file, entry, length) {
  const head = new Uint8Array(Math.min(length, entry.size));
  let taken = 0;
  for await (const chunk of chunksOf(file, entry)) {
    head.set(chunk.subarray(0, head.length - taken), taken);
    taken = Math.min(head.length, taken + chunk.length);
    if (taken === head.length) break;
  }
  return head.subarray(0, taken);
}

async function* chunksOf(file, entry) {
  if (entry.encrypted) throw new BrokenZip("it is encrypted");
  if (entry.method !== 0 && entry.method !== 8) throw new BrokenZip(`it is compressed in a way this page does not read (${entry.method})`);
  const local = await viewOf(file, entry.offset, 30);
  if (local.getUint32(0, true) !== LOCAL) throw new BrokenZip("it is not where the list of the ZIP file says");
  const start = entry.offset + 30 + local.getUint16(26, true) + local.getUint16(28, true);
  if (start + entry.compressed > file.size) throw new BrokenZip("the ZIP file ends before it does");
  const stored = file.slice(start, start + entry.compressed).stream();
  const reader = (entry.method ? stored.pipeThrough(new DecompressionStream("deflate-raw")) : stored).getReader();
  try {
    for (let part = await next(reader); !part.done; part = await next(reader)) yield part.value;
  } finally {
    await reader.cancel().catch(() => {}); // what is left is not wanted, broken or not
  }
}

async function next(reader) {
  try {
    return await reader.read();
  } catch (error) {
    throw new BrokenZip("it is damaged inside the ZIP file", { cause: error });
  }
}

async function findDirectory(file) {
  const from = Math.max(0, file.size - 65_557);
  const tail = await viewOf(file, from, file.size - from);
  let at = tail.byteLength - 22;
  while (at >= 0 && !(tail.getUint32(at, true) === END && at + 22 + tail.getUint16(at + 20, true) <= tail.byteLength)) at -= 1;
  if (at < 0) throw new BrokenZip("it is not a whole ZIP file");
  const found = { count: tail.getUint16(at + 10, true), size: tail.getUint32(at + 12, true), offset: tail.getUint32(at + 16, true) };
  let end = from + at;
  if (found.count === 0xffff || found.size === FULL || found.offset === FULL) end = await findLarge(file, end, found);
  else if (tail.getUint16(at + 4, true) || tail.getUint16(at + 6, true)) throw new BrokenZip("it is one of several parts; join them first");
  // Something may have been put before the ZIP file: then every place in it is off by as much.
  const shift = end - found.size - found.offset;
  if (shift < 0) throw new BrokenZip("its list of entries is damaged");
  return { ...found, shift };
}

// ZIP64: the numbers stand in a record of their own. Returns where the list ends.
async function findLarge(file, end, found) {
  const locator = await viewOf(file, end - 20, 20);
  if (locator.getUint32(0, true) !== LOCATOR_64) return end;
  const place = wide(locator, 8);
  const record = await viewOf(file, place, 56);
  if (record.getUint32(0, true) !== END_64) throw new BrokenZip("its list of entries is damaged");
  found.count = wide(record, 32);
  found.size = wide(record, 40);
  found.offset = wide(record, 48);
  return place;
}

function entryAt(view, at) {
  const bytes = (from, length) => new Uint8Array(view.buffer, view.byteOffset + from, length);
  const flags = view.getUint16(at + 8, true);
  const nameLength = view.getUint16(at + 28, true);
  const entry = {
    name: decodedName(bytes(at + 46, nameLength)),
    method: view.getUint16(at + 10, true),
    encrypted: (flags & 1) === 1,
    crc: view.getUint32(at + 16, true),
    compressed: view.getUint32(at + 20, true),
    size: view.getUint32(at + 24, true),
    offset: view.getUint32(at + 42, true),
  };
  widen(entry, view, at + 46 + nameLength, view.getUint16(at + 30, true));
  return entry;
}

// ZIP64: numbers that are full stand in an extra field, in this order.
function widen(entry, view, from, length) {
  for (let at = from; at + 4 <= from + length; ) {
    const size = view.getUint16(at + 2, true);
    if (view.getUint16(at, true) === 1) {
      let place = at + 4;
      for (const name of ["size", "compressed", "offset"]) {
        if (entry[name] !== FULL || place + 8 > Math.min(at + 4 + size, from + length)) continue;
        entry[name] = wide(view, place);
        place += 8;
      }
    }
    at += 4 + size;
  }
}

function wide(view, at) {
  const value = Number(view.getBigUint64(at, true));
  if (!Number.isSafeInteger(value)) throw new BrokenZip("its list of entries is damaged");
  return value;
}

function decodedName(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes); // older programs wrote no UTF-8; a name is only shown
  }
}

async function viewOf(file, from, length) {
  if (from < 0 || from + length > file.size) throw new BrokenZip("it is not a whole ZIP file");
  return new DataView(await file.slice(from, from + length).arrayBuffer());
}

function megabytes(bytes) {
  return Math.ceil(bytes / (1024 * 1024));
}
