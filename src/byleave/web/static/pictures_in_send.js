// Sends what was computed here to the draft: match codes by the hundred, small copies a few at a time. Pictures themselves never go by
// the first way; the second sends its small copies to an address of its own.

export const CODES_AT_ONCE = 100;
export const COPIES_AT_ONCE = 5;

const TRIES = 4;
const PAUSE_MS = 1000;

// The server does not take it; the message says why.
export class Refused extends Error {}

export async function beginDraft(token) {
  const { draft } = await asked("/choices/drafts", token, {});
  return draft;
}

// Entries are [item, answer] pairs. Returns { accepted, rejected: [{ name, reason }], total }.
export function sendCodes(draft, token, entries) {
  const pictures = entries.map(([item, { code, digest }]) => ({ name: item.label || item.name, code, digest, link: item.link ?? null }));
  return asked(`/choices/draft/${draft}/pictures`, token, { pictures });
}

// Blobs and the names they go by; `listed` says that their match codes are in the draft already.
export function sendCopies(draft, token, copies, listed) {
  const form = new FormData();
  form.set("form_token", token);
  form.set("draft", draft);
  if (listed) form.set("listed", "yes");
  for (const { name, copy } of copies) form.append("picture", copy, name);
  return post("/choices/copies", { method: "POST", headers: { accept: "application/json" }, body: form });
}

function asked(address, token, body) {
  const headers = { "content-type": "application/json", "x-byleave-token": token, accept: "application/json" };
  return post(address, { method: "POST", headers, body: JSON.stringify(body) });
}

// A network that is away for a moment is waited for; sending again changes nothing on the other side.
async function post(address, request) {
  for (let turn = 1; ; turn += 1) {
    const answer = await fetch(address, request).catch(() => null);
    if (answer?.ok) return answer.json();
    const isPassing = !answer || answer.status === 429 || answer.status >= 500;
    if (!isPassing) throw new Refused(await reasonOf(answer));
    if (turn === TRIES) throw new Refused(answer ? "the site is too busy just now" : "the site cannot be reached");
    const seconds = Number(answer?.headers.get("retry-after")) || 0;
    await new Promise((resolve) => setTimeout(resolve, Math.max(seconds * 1000, PAUSE_MS * 2 ** turn)));
  }
}

// The site tells faults as a page; its one line of words is enough here.
async function reasonOf(answer) {
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return page.querySelector("main .lead")?.textContent.trim().replace(/\.$/, "") || `it answers ${answer.status}`;
}
