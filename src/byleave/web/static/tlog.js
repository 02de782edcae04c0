// The log's formats and proofs once more, in the browser: a second implementation, so that a receipt need not be believed to the
// program that made it. Proofs are checked by the loops of RFC 9162 (2.1.3.2 and 2.1.4.2), in whole numbers of any size.

const utf8 = new TextEncoder();
const HASH_BYTES = 32;
const TILE_WIDTH = 256;
export const ED25519 = 1;

export class Broken extends Error {}

export function fail(why) {
  throw new Broken(why);
}

export async function sha256(...parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
}

export const leafHash = (entry) => sha256(Uint8Array.of(0), entry);
export const nodeHash = (left, right) => sha256(Uint8Array.of(1), left, right);

export function same(left, right) {
  return left.length === right.length && left.every((byte, at) => byte === right[at]);
}

export function fromBase64(text) {
  let bytes;
  try {
    bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  } catch {
    fail("a line is not base64");
  }
  return toBase64(bytes) === text ? bytes : fail("a line is not written as base64 is");
}

export const toBase64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

export function fromHex(text) {
  if (typeof text !== "string" || !/^(?:[0-9a-f]{2})*$/.test(text)) fail("a value is not hex digits");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

export function whole(text) {
  return /^(?:0|[1-9][0-9]{0,18})$/.test(text) ? BigInt(text) : fail(`${text.slice(0, 40)} is no whole number`);
}

// Check that a leaf stands at a place of the tree with that size and root.
export async function verifyInclusion(index, size, leaf, proof, root) {
  if (index < 0n || index >= size) fail("the place in the log lies outside the log");
  checkHashes([leaf, root, ...proof]);
  let place = index;
  let last = size - 1n;
  let value = leaf;
  for (const neighbour of proof) {
    if (last === 0n) fail("the proof has too many hashes");
    if (place & 1n || place === last) {
      value = await nodeHash(neighbour, value);
      while (!(place & 1n) && place !== 0n) [place, last] = [place >> 1n, last >> 1n];
    } else {
      value = await nodeHash(value, neighbour);
    }
    [place, last] = [place >> 1n, last >> 1n];
  }
  if (last !== 0n) fail("the proof has too few hashes");
  if (!same(value, root)) fail("the entry is not in the log at that place");
}

// Check that the larger tree begins with the smaller one.
export async function verifyConsistency(oldSize, newSize, oldRoot, newRoot, proof) {
  if (oldSize <= 0n || oldSize > newSize) fail("the sizes do not describe a log that grew");
  if (oldSize === newSize) {
    if (proof.length) fail("the proof has too many hashes");
    return same(oldRoot, newRoot) || fail("the log's past was changed");
  }
  checkHashes([oldRoot, newRoot, ...proof]);
  const isPowerOfTwo = (oldSize & (oldSize - 1n)) === 0n;
  const path = isPowerOfTwo ? [oldRoot, ...proof] : proof;
  if (!path.length) fail("the proof has too few hashes");
  let place = oldSize - 1n;
  let last = newSize - 1n;
  while (place & 1n) [place, last] = [place >> 1n, last >> 1n];
  let [before, after] = [path[0], path[0]];
  for (const neighbour of path.slice(1)) {
    if (last === 0n) fail("the proof has too many hashes");
    if (place & 1n || place === last) {
      [before, after] = [await nodeHash(neighbour, before), await nodeHash(neighbour, after)];
      while (!(place & 1n) && place !== 0n) [place, last] = [place >> 1n, last >> 1n];
    } else {
      after = await nodeHash(after, neighbour);
    }
    [place, last] = [place >> 1n, last >> 1n];
  }
  if (last !== 0n) fail("the proof has too few hashes");
  if (!same(before, oldRoot) || !same(after, newRoot)) fail("the log's past was changed");
}

// Make the proof from a smaller size to a larger one out of tiles, by the definition (RFC 9162, 2.1.4.1).
export function consistencyFromTiles(oldSize, newSize, readTile) {
  const subtree = subtreeReader(newSize, readTile);
  const root = async (start, end) => {
    const count = end - start;
    if ((count & (count - 1n)) === 0n) return subtree(start, count);
    const middle = start + largestPowerBelow(count);
    return nodeHash(await root(start, middle), await root(middle, end));
  };
  const prove = async (size, start, end, isWhole) => {
    if (start + size === end) return isWhole ? [] : [await root(start, end)];
    const split = largestPowerBelow(end - start);
    const middle = start + split;
    if (size <= split) return [...(await prove(size, start, middle, isWhole)), await root(middle, end)];
    return [...(await prove(size - split, middle, end, false)), await root(start, middle)];
  };
  return prove(oldSize, 0n, newSize, true);
}

// Where a tile stands below the log's address: three digits a folder, all but the last behind an "x".
export function tilePath(level, index, width) {
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/.{3}/g);
  const path = groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join("/");
  return `tile/${level}/${path}${width < TILE_WIDTH ? `.p/${width}` : ""}`;
}

function subtreeReader(size, readTile) {
  const tiles = new Map();
  return async (start, count) => {
    const height = count.toString(2).length - 1;
    const level = Math.floor(height / 8);
    const first = start >> BigInt(8 * level);
    const index = first / 256n;
    const present = (size >> BigInt(8 * level)) - index * 256n;
    const width = Number(present < 256n ? present : 256n);
    const path = tilePath(level, index, width);
    if (!tiles.has(path)) tiles.set(path, splitTile(await readTile(path), width));
    const offset = Number(first % 256n);
    return fold(tiles.get(path).slice(offset, offset + 2 ** (height % 8)));
  };
}

function splitTile(bytes, width) {
  if (bytes.length !== width * HASH_BYTES) fail("a tile of the log has the wrong length");
  return Array.from({ length: width }, (_, at) => bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES));
}

async function fold(hashes) {
  if (hashes.length === 1) return hashes[0];
  const half = hashes.length / 2;
  return nodeHash(await fold(hashes.slice(0, half)), await fold(hashes.slice(half)));
}

function largestPowerBelow(count) {
  return 1n << BigInt((count - 1n).toString(2).length - 1);
}

function checkHashes(hashes) {
  if (hashes.some((hash) => hash.length !== HASH_BYTES)) fail("a hash in the proof has the wrong length");
}

// A verifier key as people pass it on: name+id+base64. Of a kind that we know, or of any: such a key is kept and never counts.
export async function parseKey(text) {
  const key = await parseAnyKey(text);
  return key.kind === ED25519 && key.bytes.length === 32 ? key : fail("this is not an Ed25519 verifier key");
}

export async function parseAnyKey(text) {
  const [name, id, ...rest] = text.trim().split("+");
  const material = fromBase64(rest.join("+"));
  if (!name || !material.length) fail("this is not a verifier key");
  const made = (await sha256(utf8.encode(`${name}\n`), material)).subarray(0, 4);
  if (toHex(made) !== id) fail("the key's id does not fit the key: copy it again, whole");
  return { name, id: made, kind: material[0], bytes: material.subarray(1), material };
}

// Take a signed note apart: its text, and who claims to have signed it. Nothing is checked yet.
export function splitNote(note) {
  const gap = note.lastIndexOf("\n\n");
  if (gap < 0 || !note.endsWith("\n")) fail("this is not a signed note");
  const signatures = note.slice(gap + 2, -1).split("\n").map((line) => {
    const [, name, encoded] = /^\u2014 ([^ +]+) ([A-Za-z0-9+/=]+)$/.exec(line) ?? fail("a signature line cannot be read");
    return { name, blob: fromBase64(encoded) };
  });
  return { text: note.slice(0, gap + 1), signatures };
}

// Return the text of a signed note whose origin is `name`, once one of the keys has been seen to sign it.
export async function openNote(note, keys, name) {
  const { text, signatures } = splitNote(note);
  let signed = false;
  for (const { name: signer, blob } of signatures) {
    for (const key of keys) {
      if (key.kind !== ED25519 || key.name !== name || signer !== name || !same(key.id, blob.subarray(0, 4))) continue;
      if (!(await isSigned(key, blob.subarray(4), utf8.encode(text)))) fail(`the signature of ${signer} does not hold`);
      signed = true;
    }
  }
  return signed ? text : fail("no key trusted here signed this");
}

export async function isSigned(key, signature, message) {
  const imported = await crypto.subtle.importKey("raw", key.bytes, { name: "Ed25519" }, false, ["verify"]);
  return crypto.subtle.verify({ name: "Ed25519" }, imported, signature, message);
}

// A receipt (C2SP tlog-proof with our extra data), taken apart; nothing in it is checked yet but that its parts can be read.
export async function parseReceipt(text) {
  const gap = text.indexOf("\n\n");
  const lines = text.slice(0, gap).split("\n");
  if (gap < 0 || lines.shift() !== "c2sp.org/tlog-proof@v1") fail("this is not a receipt");
  if (!lines[0]?.startsWith("extra ")) fail("the receipt does not say what it is for");
  const extra = JSON.parse(new TextDecoder().decode(fromBase64(lines.shift().slice(6))));
  if (!lines[0]?.startsWith("index ")) fail("the receipt does not say where its entry stands");
  const index = whole(lines.shift().slice(6));
  const { record, salt } = extra;
  return {
    index,
    record,
    proof: lines.map(fromBase64),
    checkpoint: text.slice(gap + 2),
    entry: await entryOf(record, fromHex(salt)),
    targets: extra.targets ?? [],
  };
}

// Make the log's entry again from the record and the salt: only who holds both can.
async function entryOf(record, salt) {
  const commitment = await sha256(salt, utf8.encode(canonicalJson(record)));
  const seconds = Date.parse(record.at) / 1000;
  if (salt.length !== HASH_BYTES || !Number.isSafeInteger(seconds)) fail("the receipt's record cannot be read");
  const members = {
    commit: base64Url(commitment),
    id: base64Url(fromHex(record.claim)),
    op: record.op,
    t: "claim",
    ts: seconds,
    v: 1,
  };
  return utf8.encode(canonicalJson(members));
}

// RFC 8785 for what records hold: no fractions.
export function canonicalJson(value) {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const members = Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key])}`);
    return `{${members.join(",")}}`;
  }
  if (typeof value === "number" && !Number.isSafeInteger(value)) fail("a number in the record is no whole number");
  return JSON.stringify(value);
}

const base64Url = (bytes) => toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
