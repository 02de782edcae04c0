// What a receipt proves, step by step: entry, signature, growth of the log, and what the newest list makes of the claim.
import {
  consistencyFromTiles,
  fail,
  fromHex,
  leafHash,
  openNote,
  parseReceipt,
  same,
  sha256,
  toBase64,
  toHex,
  verifyConsistency,
  verifyInclusion,
} from "./tlog.js";
import { openCheckpoint, parseTrust } from "./tlog_policy.js";

const RECORD_BYTES = 48;
const DIGEST_BYTES = 32;
const REDACTED_BYTES = 40;
const MOST_BYTES = 64 * 1024 * 1024;
const DAY_S = 24 * 60 * 60;
const STANDINGS = ["", "effective", "filed", "held", "withdrawn", "rejected", "erased", "expired"];
const REASONS = ["", "flat", "crowded", "common", "disputed", "other", "hosts", "burst", "comparing"];
const STANDING_WORDS = { withdrawn: "taken back", rejected: "turned down", erased: "erased", expired: "run out" };
const REASON_WORDS = {
  "": "a look",
  flat: "a picture too plain to be told from others",
  crowded: "many different pictures that look like it",
  common: "a picture that many people use",
  disputed: "a dispute",
  other: "a look",
  hosts: "copies on very many sites",
  burst: "very many choices at once",
  comparing: "comparisons that are not done yet",
};
const AFTER = { withdraw: "withdrawn", erase: "erased", reject: "rejected", hold: "held", expire: "expired" };
const text = new TextDecoder();

// Check a receipt. `trusted` is keys or a policy; `get(address)` gives the bytes of a public file, or null where there is none;
// `tell` hears of every step.
export async function check(receiptText, trusted, places, get, tell) {
  const trust = await parseTrust(trusted);
  const receipt = await parseReceipt(receiptText);
  const number = receipt.index + 1n;
  tell(`The receipt is for step ${number} of the log, “${receipt.record.op}”, of ${moment(Date.parse(receipt.record.at) / 1000)}.`);
  const then = await openCheckpoint(receipt.checkpoint, trust);
  tell(`The log of ${then.origin} with ${entries(then.size)} is signed by a key you trust.`);
  tellWitnesses(then, trust, tell);
  await verifyInclusion(receipt.index, then.size, await leafHash(receipt.entry), receipt.proof, then.root);
  tell(`That step is entry ${receipt.index} of that log: its hash${receipt.proof.length ? `, with ${receipt.proof.length} more,` : ""} gives the signed root.`);
  await hasGrown(then, trust, places.log, get, tell);
  return inNewestList(receipt, number, trust.keys, then.origin, places.releases, get, tell);
}

function tellWitnesses({ size, seen }, { witnesses }, tell) {
  for (const { name, time } of seen) tell(`${name} saw the log of ${entries(size)} on ${moment(time)} and cosigned it.`);
  if (witnesses.length && !seen.length) tell(`No witness you know has cosigned the log of ${entries(size)}; your policy does not ask for it.`);
}

async function hasGrown(then, trust, log, get, tell) {
  const bytes = (await get(`${log}/checkpoint`)) ?? fail("the log has no head");
  const now = await openCheckpoint(text.decode(bytes), trust);
  if (now.origin !== then.origin) fail(`the log here is ${now.origin}, and the receipt is of ${then.origin}`);
  if (now.size < then.size) fail(`the log has ${entries(now.size)} now, fewer than when the receipt was made`);
  const readTile = async (path) => (await get(`${log}/${path}`)) ?? fail("a tile of the log is missing");
  const proof = await consistencyFromTiles(then.size, now.size, readTile);
  await verifyConsistency(then.size, now.size, then.root, now.root, proof);
  tell(`The log has ${entries(now.size)} now and begins with the log of the receipt: nothing in it was changed.`);
  if (now.size !== then.size) tellWitnesses(now, trust, tell);
}

const entries = (size) => (size === 1n ? "1 entry" : `${size} entries`);

const moment = (seconds) => `${new Date(Number(seconds) * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;

async function inNewestList(receipt, number, keys, origin, releases, get, tell) {
  if (!releases) return { holds: true, words: "The receipt holds. No list has been published yet." };
  const latest = (await get(`${releases}/latest.json`)) ?? fail("the newest list is missing");
  const list = Number(JSON.parse(text.decode(latest)).number);
  if (!Number.isSafeInteger(list)) fail("the number of the newest list cannot be read");
  const release = await openManifest(`${releases}/${list}`, "release", list, keys, origin, get);
  tell(`The newest list, no. ${list}, is signed by a key you trust.`);
  if (BigInt(list) < number) return notListedYet(receipt, release.members, list);
  const standing = await openManifest(`${releases}/standing/${list}`, "standing", list, keys, origin, get);
  if (standing.members.release !== release.digest) fail("the index of choices belongs to another list");
  const index = await signedFile(`${releases}/standing/${list}`, "claims.index", standing.members, get);
  const entry = find(index, fromHex(receipt.record.claim));
  const said = verdict(receipt, number, entry, list, release.members);
  const listed = said.holds && (entry.standing === "effective" || entry.standing === "filed");
  if (!listed) return said;
  const folder = `${releases}/${list}`;
  const redaction = await openRedaction(folder, list, release.digest, keys, origin, get);
  if (redaction && (await isTakenOut(entry.row, folder, redaction, get))) return takenOut(list, redaction);
  if (!receipt.targets.length) return said;
  const digests = async (name) => {
    const file = release.members.files.find((one) => one.name === name);
    if (!file || file.bytes > MOST_BYTES) return file ?? null;
    const bytes = (await get(`${folder}/${name}`)) ?? fail(`${folder}/${name} is missing`);
    if (toHex(await sha256(bytes)) === file.sha256) return bytes;
    if (!redaction) fail(`${name} is not what the signed manifest says`);
    return signedFile(folder, name, redaction.members, get);
  };
  return (await lacksTargets(receipt.targets, digests, list, tell)) ?? said;
}

// Rows may have been taken out for somebody's erasure; a second signed manifest then says which, and what the files are now.
async function openRedaction(folder, list, digest, keys, origin, get) {
  if ((await get(`${folder}/redaction.json`)) === null) return null;
  const redaction = await openManifest(folder, "redaction", list, keys, origin, get, "redaction");
  if (redaction.members.manifest_sha256 !== digest) fail("the redaction belongs to another list");
  return redaction;
}

async function isTakenOut(row, folder, redaction, get) {
  const places = await signedFile(folder, "redacted.bin", redaction.members, get);
  const key = new Uint8Array(8);
  new DataView(key.buffer).setBigUint64(0, row);
  return place(places, REDACTED_BYTES, key) !== null;
}

function takenOut(list, redaction) {
  const day = redaction.members.made_at.slice(0, 10);
  return { holds: true, words: `The receipt holds. What it says of the choice was redacted: taken out of list ${list} on ${day}, as the registry signed.` };
}

// The list must hold what the claim covers, too: its sorted digests are looked through, kind by kind.
async function lacksTargets(targets, digests, list, tell) {
  let absent = 0;
  for (const kind of new Set(targets.map(([kind]) => kind))) {
    const wanted = targets.filter(([one]) => one === kind).map(([, digest]) => digest);
    const sorted = await digests(`digests/${kind}.sha256`);
    if (sorted === null) absent += wanted.length;
    else if (sorted instanceof Uint8Array) absent += wanted.filter((one) => place(sorted, DIGEST_BYTES, fromHex(one)) === null).length;
    else tell(`The digests of kind ${kind} are too many for a browser; byleave verify looks through them.`);
  }
  if (!absent) tell(`What the choice covers (${targets.length}) is in the signed digests of list ${list}.`);
  return absent ? missing(`${absent} of its ${targets.length} targets are not in list ${list}`) : null;
}

function notListedYet(receipt, members, list) {
  const due = Date.parse(receipt.record.at) + DAY_S * 1000;
  if (Date.parse(members.published_at) > due) return missing(`list ${list} was published later than a day after it`);
  return { holds: true, words: `The receipt holds. No list has it yet; it is due by ${moment(due / 1000)}.` };
}

function verdict(receipt, number, entry, list, members) {
  if (entry === null) return missing(`list ${list} does not know the choice`);
  if (entry.number < number) return missing(`list ${list} passes over what the receipt shows`);
  const due = expected(receipt, members);
  if (entry.number === number && due && entry.standing !== due) {
    return missing(`list ${list} says ${entry.standing} where it should say ${due}`);
  }
  const since = new Date(Number(entry.since) * 1000).toISOString().slice(0, 10);
  switch (entry.standing) {
    case "effective":
      return { holds: true, words: `The receipt holds, and the choice is in list ${list} at row ${entry.row}.` };
    case "filed":
      return { holds: true, words: `The receipt holds. The choice is in list ${list} at row ${entry.row}, not confirmed yet.` };
    case "held":
      return { holds: true, words: `The receipt holds. The choice is held since ${since}, for ${REASON_WORDS[entry.reason]}.` };
    default:
      return { holds: true, words: `The receipt holds. The choice is ${STANDING_WORDS[entry.standing]} since ${since}, so list ${list} does not carry it.` };
  }
}

// What a list must say of a claim to which nothing happened after the receipt.
function expected(receipt, members) {
  if (receipt.record.op in AFTER) return AFTER[receipt.record.op];
  const end = receipt.record.expires_at;
  if (end && Date.parse(end) <= Date.parse(members.published_at)) return "expired";
  return receipt.record.state;
}

const missing = (why) => ({ holds: false, words: `Missing: the operator broke its promise, for ${why}. Keep this receipt.` });

async function openManifest(folder, kind, subject, keys, origin, get, name = "manifest") {
  const manifest = (await get(`${folder}/${name}.json`)) ?? fail(`${folder}/${name}.json is missing`);
  const note = (await get(`${folder}/${name}.note`)) ?? fail(`${folder}/${name}.note is missing`);
  const digest = await sha256(manifest);
  const signed = await openNote(text.decode(note), keys, origin);
  if (signed !== `${origin}/${kind}\n${subject}\n${toBase64(digest)}\n`) fail(`the signature is not about this ${kind}`);
  return { members: JSON.parse(text.decode(manifest)), digest: toHex(digest) };
}

async function signedFile(folder, name, members, get) {
  const said = members.files.find((file) => file.name === name) ?? fail(`${name} is not in the signed manifest`);
  const bytes = (await get(`${folder}/${name}`)) ?? fail(`${folder}/${name} is missing`);
  if (!same(await sha256(bytes), fromHex(said.sha256))) fail(`${name} is not what the signed manifest says`);
  return bytes;
}

// Find a claim in the sorted index: 48 bytes each, numbers big-endian.
function find(index, claim) {
  if (index.length % RECORD_BYTES) fail("the index of choices has an odd length");
  const at = place(index, RECORD_BYTES, claim);
  if (at === null) return null;
  const view = new DataView(index.buffer, index.byteOffset, index.byteLength);
  return {
    number: view.getBigUint64(at + 16),
    row: view.getBigUint64(at + 24),
    since: view.getBigInt64(at + 32),
    standing: STANDINGS[view.getUint8(at + 40)] ?? fail("the index of choices cannot be read"),
    reason: REASONS[view.getUint8(at + 41)] ?? fail("the index of choices cannot be read"),
  };
}

// Where a record of sorted ones begins that begins with `key`, or null.
function place(records, width, key) {
  const wanted = toHex(key);
  const keyAt = (number) => toHex(records.subarray(number * width, number * width + key.length));
  let [low, high] = [0, Math.floor(records.length / width)];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keyAt(middle) < wanted) low = middle + 1;
    else high = middle;
  }
  return keyAt(low) === wanted ? low * width : null;
}
