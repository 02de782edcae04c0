// Passkeys: asks the browser to make one, or to sign somebody in by one. Without this script the link by mail does the same.

const WRONG = "That did not work, and nothing was changed. Try again, or use the link by mail.";
const NO_NAME = "Passkeys need this site to be opened by a name, such as localhost, and not by a number.";
const NONE = "This browser has no passkeys.";

export function offerPasskeys() {
  const adding = document.querySelector("[data-add-passkey]");
  const signing = document.querySelector("[data-passkey-sign-in]");
  adding?.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(adding, adding.parentElement, () => add(adding));
  });
  signing?.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(signing, signing.parentElement, () => signIn(signing));
  });
}

async function attempt(form, around, act) {
  const said = around.querySelector(".told-wrong");
  const button = form.querySelector("button");
  const say = (words) => {
    said.textContent = words;
    said.hidden = false;
  };
  said.hidden = true;
  if (!window.PublicKeyCredential) return say(/^[\d.]+$|^\[/.test(location.hostname) ? NO_NAME : NONE);
  if (/^[\d.]+$|^\[/.test(location.hostname)) return say(NO_NAME);
  button.disabled = true;
  try {
    location.assign(await act());
  } catch {
    say(WRONG);
  } finally {
    button.disabled = false;
  }
}

async function add(form) {
  const options = await ask(form, "/account/passkeys/options", {});
  const publicKey = {
    ...options,
    challenge: bytes(options.challenge),
    user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: options.excludeCredentials.map((one) => ({ ...one, id: bytes(one.id) })),
  };
  const made = await navigator.credentials.create({ publicKey });
  const answer = {
    clientDataJSON: text(made.response.clientDataJSON),
    attestationObject: text(made.response.attestationObject),
    transports: made.response.getTransports?.() ?? [],
  };
  const { next } = await ask(form, "/account/passkeys", { credential: credential(made, answer), name: form.elements.name.value });
  return next;
}

async function signIn(form) {
  const options = await ask(form, "/sign-in/passkey/options", {});
  const got = await navigator.credentials.get({ publicKey: { ...options, challenge: bytes(options.challenge), allowCredentials: [] } });
  const answer = {
    clientDataJSON: text(got.response.clientDataJSON),
    authenticatorData: text(got.response.authenticatorData),
    signature: text(got.response.signature),
    userHandle: got.response.userHandle ? text(got.response.userHandle) : null,
  };
  const { next } = await ask(form, "/sign-in/passkey", { credential: credential(got, answer), next: form.elements.next.value });
  return next;
}

function credential(one, response) {
  return { id: one.id, rawId: text(one.rawId), type: one.type, response, clientExtensionResults: {} };
}

async function ask(form, address, body) {
  const headers = { "content-type": "application/json", "x-byleave-token": form.elements.form_token.value };
  const answer = await fetch(address, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`answered ${answer.status}`);
  return answer.json();
}

function bytes(base64url) {
  const letters = atob(base64url.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
}

function text(buffer) {
  const letters = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(letters).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
