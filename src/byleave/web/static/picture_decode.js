// From the bytes of a picture to its working copy, by the decoders of the browser: turned as its EXIF says, colour profile left aside,
// transparency on white, as on the server.
import { halvings, workingCopy, workingSize } from "./pdq_scale.js";
import { pixelsOf } from "./picture_kind.js";

const LARGE_PIXELS = 16_000_000;
const OFF_BY = 2;

// A file that gives no match code, with the reason in words.
export class Unusable extends Error {}

export async function decoded(bytes, kind, mostPixels) {
  const stated = pixelsOf(kind, bytes);
  if (stated > mostPixels) throw tooManyPixels(stated, mostPixels);
  const decode = () => read(new Blob([bytes], { type: `image/${kind}` }), mostPixels);
  // One large picture at a time in the whole browser: each takes four bytes a pixel, several at once might be more than there are.
  const isLarge = !stated || stated > LARGE_PIXELS;
  return isLarge && navigator.locks ? navigator.locks.request("byleave-large-picture", decode) : decode();
}

async function read(blob, mostPixels) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  } catch {
    throw new Unusable(`this browser cannot read it as a picture (${blob.type.slice(6)})`);
  }
  try {
    const { width, height } = bitmap;
    if (width * height > mostPixels) throw tooManyPixels(width * height, mostPixels);
    return workingCopy(pixels(bitmap, halvings(width, height)), workingSize(width, height));
  } finally {
    bitmap.close();
  }
}

// Halving step by step takes the mean of four pixels each time, in every browser.
function pixels(bitmap, times) {
  let image = bitmap;
  let context = null;
  for (let step = times ? 1 : 0; step <= times; step += 1) {
    const [width, height] = step ? [image.width, image.height].map((side) => Math.ceil(side / 2)) : [image.width, image.height];
    const canvas = new OffscreenCanvas(width, height);
    context = canvas.getContext("2d", { alpha: false, willReadFrequently: true, colorSpace: "srgb" });
    if (!context) throw new Unusable("this browser has no memory for a picture of this size");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
    context.imageSmoothingQuality = "low";
    context.drawImage(image, 0, 0, width, height);
    image = canvas;
  }
  return context.getImageData(0, 0, image.width, image.height);
}

// Some browsers hide what a canvas holds, against tracking: every match code would be wrong, so this is tried first.
export function canReadPixels() {
  const side = 32;
  const context = new OffscreenCanvas(side, side).getContext("2d", { alpha: false, willReadFrequently: true });
  if (!context) return false;
  const expected = new Uint8ClampedArray(4 * side * side).map((_, at) => (at % 4 === 3 ? 255 : (at * 37) % 256));
  context.putImageData(new ImageData(expected, side, side), 0, 0);
  const found = context.getImageData(0, 0, side, side).data;
  return found.every((value, at) => Math.abs(value - expected[at]) <= OFF_BY);
}

function tooManyPixels(found, most) {
  const millions = (count) => Math.round(count / 1e6);
  return new Unusable(`it has ${millions(found)} million pixels, at most ${millions(most)} are read`);
}
