// One of several workers: takes a picture, gives its match code and its SHA-256, and on request a small copy. Nothing is sent from here.
//
// Asked { file, entry, want, limits }: a file, or an entry of the ZIP file that it is. Answers one of
// { code, digest, flat, copy }, { other } for a file that is no picture and does not look like one, or { fault } in words.
import { MINIMUM_QUALITY, claimedPicture } from "./pdq.js";
import { Unusable, canReadPixels, decoded } from "./picture_decode.js";
import { HEAD_BYTES, kindOf } from "./picture_kind.js";
import { BrokenZip, bytesOf, headOf } from "./zip.js";

const COPY_QUALITIES = [0.9, 0.75, 0.5];
const NAMED_AS_PICTURE = /\.(jpe?g|jfif|png|webp|gif|bmp|avif|tiff?)$/i;

const works = typeof OffscreenCanvas === "function" && typeof createImageBitmap === "function" && canReadPixels();

globalThis.addEventListener("message", async ({ data: asked }) => {
  globalThis.postMessage(await answer(asked));
});
globalThis.postMessage({ works });

async function answer({ file, entry, want, limits }) {
  try {
    const head = entry ? await headOf(file, entry, HEAD_BYTES) : new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer());
    const kind = kindOf(head);
    if (!kind || kind === "zip") return notAPicture(head, entry?.name ?? file.name);
    if (kind === "svg") return { fault: "it is a drawing program (SVG), not pixels" };
    const bytes = await whole(file, entry, limits.bytes);
    const picture = await decoded(bytes, kind, limits.pixels);
    return { ...(await told(bytes, picture)), copy: want === "copy" ? await smallCopy(picture, limits.copyBytes) : null };
  } catch (error) {
    if (error instanceof Unusable || error instanceof BrokenZip) return { fault: error.message };
    if (error instanceof DOMException) return { fault: "it cannot be read from this device" };
    if (error instanceof RangeError) return { fault: "there is not enough memory for it" };
    throw error;
  }
}

async function told(bytes, picture) {
  const code = claimedPicture(picture);
  const sha = globalThis.crypto?.subtle ? await crypto.subtle.digest("SHA-256", bytes) : null; // only on pages sent over https
  const digest = sha && Array.from(new Uint8Array(sha), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return { code, digest, flat: Number(code.split(":")[1]) < MINIMUM_QUALITY };
}

function notAPicture(head, name) {
  if (head.length === 0) return { fault: "it is empty" };
  return NAMED_AS_PICTURE.test(name) ? { fault: "it is not a picture, whatever its name says" } : { other: true };
}

async function whole(file, entry, most) {
  if (entry) return bytesOf(file, entry, most);
  const megabytes = (bytes) => Math.ceil(bytes / (1024 * 1024));
  if (file.size > most) throw new Unusable(`it has ${megabytes(file.size)} MB, at most ${megabytes(most)} are read`);
  return new Uint8Array(await file.arrayBuffer());
}

async function smallCopy({ rgb, width, height }, most) {
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let at = 0, from = 0; from < rgb.length; at += 4, from += 3) {
    data[at] = rgb[from];
    data[at + 1] = rgb[from + 1];
    data[at + 2] = rgb[from + 2];
  }
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d", { alpha: false }).putImageData(new ImageData(data, width, height), 0, 0);
  for (const quality of COPY_QUALITIES) {
    const copy = await canvas.convertToBlob({ type: "image/jpeg", quality });
    if (copy.size <= most) return copy;
  }
  throw new Unusable("its small copy does not become small enough");
}
