// Whom to believe about a log: verifier keys alone, or a policy (C2SP tlog-policy) with witnesses whose cosignatures
// (C2SP tlog-cosignature) are checked here, too.
import { ED25519, fail, fromBase64, isSigned, openNote, parseAnyKey, parseKey, same, splitNote, whole } from "./tlog.js";

const COSIGNATURE = 4;
const TIME_BYTES = 8;
const SIGNATURE_BYTES = 64;
const NOBODY = "none";
const utf8 = new TextEncoder();

// Read what somebody trusts: one key a line, or a policy.
export async function parseTrust(text) {
  const lines = text.split("\n").map((line) => line.replace(/^[ \t]+|[ \t\r]+$/g, "")).filter((line) => line && !line.startsWith("#"));
  if (!lines.some((line) => /^(?:log|witness|group|quorum)(?:[ \t]|$)/.test(line))) {
    return { keys: await Promise.all(lines.map(parseKey)), witnesses: [], groups: [], quorum: NOBODY };
  }
  const trust = { keys: [], witnesses: [], groups: [], quorum: null };
  const names = new Set();
  const members = new Set();
  for (const line of lines) await define(trust, names, members, line.split(/[ \t]+/));
  return trust.quorum === null ? fail("the policy has no quorum line") : trust;
}

async function define(trust, names, members, [keyword, ...words]) {
  if (keyword === "log" && words.length >= 1 && words.length <= 2) {
    addKey(trust.keys, await parseAnyKey(words[0]), ED25519);
  } else if (keyword === "witness" && words.length >= 2 && words.length <= 3) {
    addKey(trust.witnesses, { ...(await parseAnyKey(words[1])), called: takeName(names, words[0]) }, COSIGNATURE);
  } else if (keyword === "group" && words.length >= 3) {
    const [name, threshold, ...inside] = words;
    for (const member of inside) {
      if (!names.has(member)) fail(`the policy names ${member} before it says who that is`);
      if (members.has(member)) fail(`${member} is in two groups of the policy`);
      members.add(member);
    }
    trust.groups.push({ name: takeName(names, name), threshold: thresholdOf(threshold, inside.length), members: inside });
  } else if (keyword === "quorum" && words.length === 1 && trust.quorum === null) {
    if (words[0] !== NOBODY && !names.has(words[0])) fail(`the policy asks for ${words[0]} and does not say who that is`);
    [trust.quorum] = words;
  } else {
    fail(`the policy has a line that cannot be read: ${keyword.slice(0, 40)}`);
  }
}

function addKey(known, key, kind) {
  if ((key.kind === ED25519 || key.kind === COSIGNATURE) && key.kind !== kind) fail(`the policy uses the key of ${key.name} for what it is not made for`);
  if (known.some((other) => same(other.material, key.material))) fail(`the policy names the key of ${key.name} twice`);
  known.push(key);
}

function takeName(names, name) {
  if (name === NOBODY || names.has(name)) fail(`the policy gives the name ${name} twice`);
  names.add(name);
  return name;
}

function thresholdOf(text, size) {
  if (text === "any") return 1;
  if (text === "all") return size;
  const threshold = Number(whole(text));
  return threshold >= 1 && threshold <= size ? threshold : fail(`the policy asks for ${text} of ${size}`);
}

// Return the checkpoint of a note that a known log signed and the quorum cosigned, with the cosignatures found.
export async function openCheckpoint(note, trust) {
  const origin = note.split("\n", 1)[0];
  const text = await openNote(note, trust.keys, origin);
  const [, size, root] = text.split("\n");
  const seen = await cosignatures(note, text, trust.witnesses);
  if (!suffices(trust, seen)) {
    const found = seen.map(({ name }) => name).join(", ") || "none";
    fail(`the witnesses that the policy asks for (${trust.quorum}) have not cosigned this head of the log; found here: ${found}`);
  }
  return { origin, size: whole(size), root: fromBase64(root), seen };
}

// The latest cosignature of each known witness; one that does not hold condemns the note.
async function cosignatures(note, text, witnesses) {
  const latest = new Map();
  for (const { name, blob } of splitNote(note).signatures) {
    for (const key of witnesses) {
      if (key.kind !== COSIGNATURE || key.name !== name || !same(key.id, blob.subarray(0, 4))) continue;
      const time = await checkedTime(key, blob.subarray(4), text);
      if (!latest.has(key) || latest.get(key) < time) latest.set(key, time);
    }
  }
  return Array.from(latest, ([key, time]) => ({ name: key.name, called: key.called, time }));
}

async function checkedTime(key, signature, text) {
  const broken = () => fail(`the cosignature of ${key.name} does not hold`);
  if (signature.length !== TIME_BYTES + SIGNATURE_BYTES) broken();
  const seconds = new DataView(signature.buffer, signature.byteOffset, TIME_BYTES).getBigUint64(0);
  const message = utf8.encode(`cosignature/v1\ntime ${seconds}\n${text}`);
  if (!(await isSigned(key, signature.subarray(TIME_BYTES), message))) broken();
  return seconds;
}

function suffices(trust, seen) {
  if (trust.quorum === NOBODY) return true;
  const have = new Set(seen.map(({ called }) => called));
  for (const { name, threshold, members } of trust.groups) {
    if (members.filter((member) => have.has(member)).length >= threshold) have.add(name);
  }
  return have.has(trust.quorum);
}
