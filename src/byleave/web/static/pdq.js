// Match codes of pictures, computed on this device: a second implementation, held to the same vectors as the one on the server.
//
// PDQ (Facebook, 2019) smooths brightness by a box filter run twice, takes 64 x 64 points of it, and keeps one bit for each of the 16 x 16
// lowest frequencies of a cosine transform without the constant ones: is it above their median? Smoothing and taking points are linear, so
// here they are one table of weights for each axis, and only what reaches one of the points is ever computed.

import { trimmed } from "./pdq_trim.js";

export const VERSION = "pdq-512/1";
export const MINIMUM_QUALITY = 50;

const SAMPLES = 64;
const FREQUENCIES = 16;
const BITS = FREQUENCIES * FREQUENCIES;
const GRADIENT_PER_POINT = 90;

const COSINES = Float64Array.from({ length: FREQUENCIES * SAMPLES }, (_, at) => {
  const frequency = 1 + Math.floor(at / SAMPLES);
  return Math.sqrt(2 / SAMPLES) * Math.cos((Math.PI / (2 * SAMPLES)) * frequency * (2 * (at % SAMPLES) + 1));
});

// Pictures are { rgb, width, height }: three bytes a pixel, row by row. Brightness is { values, width, height }.

export function claimedPicture(picture) {
  const whole = measure(luma(picture));
  const inner = trimmed(picture);
  const variants = inner === picture ? whole.values : [...whole.values, ...measure(luma(inner)).values];
  return `${VERSION}:${whole.quality}:${[...new Set(variants)].join(",")}`;
}

export function luma({ rgb, width, height }) {
  const values = new Float32Array(width * height);
  for (let at = 0, from = 0; at < values.length; at += 1, from += 3) {
    values[at] = 0.299 * rgb[from] + 0.587 * rgb[from + 1] + 0.114 * rgb[from + 2];
  }
  return { values, width, height };
}

// The values of all eight orientations as hex, in the order in which claims store them, and the quality of 0 to 100. Turning a picture
// on its diagonal swaps the axes of its points and of their frequencies, so four transforms give all eight.
export function measure(brightness) {
  const plain = samples(brightness, false, false);
  const across = coefficients(samples(brightness, false, true));
  const both = coefficients(samples(brightness, true, true));
  const down = coefficients(samples(brightness, true, false));
  const whole = coefficients(plain);
  const views = [whole, turned(across), both, turned(down), down, across, turned(whole), turned(both)];
  return { values: views.map(bits), quality: quality(plain) };
}

// For each of the 64 points of an axis: where its weights begin, and the weights, all of one length.
function weights(length, mirrored) {
  const window = Math.floor((length + 2 * SAMPLES - 1) / (2 * SAMPLES));
  const ahead = (window + 2) >> 1;
  const box = (at) => [Math.max(0, at - (window - ahead)), Math.min(length, at + ahead)];
  const size = Math.min(length, 2 * window);
  const starts = new Int32Array(SAMPLES);
  const table = new Float64Array(SAMPLES * size);
  for (let point = 0; point < SAMPLES; point += 1) {
    const [first, end] = box(Math.floor(((point + 0.5) * length) / SAMPLES));
    const lowest = box(first)[0];
    const start = Math.min(mirrored ? length - box(end - 1)[1] : lowest, length - size);
    starts[point] = start;
    for (let outer = first; outer < end; outer += 1) {
      const [from, to] = box(outer);
      for (let inner = from; inner < to; inner += 1) {
        const at = mirrored ? length - 1 - inner : inner;
        table[point * size + at - start] += 1 / ((end - first) * (to - from));
      }
    }
  }
  return { starts, table, size };
}

function samples({ values, width, height }, upsideDown, leftToRight) {
  const columns = weights(width, leftToRight);
  const rows = weights(height, upsideDown);
  const narrow = new Float64Array(height * SAMPLES);
  for (let row = 0; row < height; row += 1) {
    for (let point = 0; point < SAMPLES; point += 1) {
      const from = row * width + columns.starts[point];
      let total = 0;
      for (let at = 0, weight = point * columns.size; at < columns.size; at += 1, weight += 1) {
        total += values[from + at] * columns.table[weight];
      }
      narrow[row * SAMPLES + point] = total;
    }
  }
  const out = new Float32Array(SAMPLES * SAMPLES);
  for (let point = 0; point < SAMPLES; point += 1) {
    for (let column = 0; column < SAMPLES; column += 1) {
      let total = 0;
      for (let at = 0; at < rows.size; at += 1) {
        total += narrow[(rows.starts[point] + at) * SAMPLES + column] * rows.table[point * rows.size + at];
      }
      out[point * SAMPLES + column] = total;
    }
  }
  return out;
}

function coefficients(points) {
  const half = new Float64Array(FREQUENCIES * SAMPLES);
  for (let frequency = 0; frequency < FREQUENCIES; frequency += 1) {
    for (let column = 0; column < SAMPLES; column += 1) {
      let total = 0;
      for (let at = 0; at < SAMPLES; at += 1) {
        total += COSINES[frequency * SAMPLES + at] * points[at * SAMPLES + column];
      }
      half[frequency * SAMPLES + column] = total;
    }
  }
  const out = new Float32Array(BITS);
  for (let down = 0; down < FREQUENCIES; down += 1) {
    for (let across = 0; across < FREQUENCIES; across += 1) {
      let total = 0;
      for (let at = 0; at < SAMPLES; at += 1) {
        total += half[down * SAMPLES + at] * COSINES[across * SAMPLES + at];
      }
      out[down * FREQUENCIES + across] = total;
    }
  }
  return out;
}

function turned(square) {
  return square.map((_, at) => square[(at % FREQUENCIES) * FREQUENCIES + Math.floor(at / FREQUENCIES)]);
}

// Highest frequencies first, as PDQ values are written everywhere.
function bits(square) {
  const lowerMedian = square.slice().sort()[BITS / 2 - 1];
  let hex = "";
  for (let at = BITS - 1; at > 0; at -= 4) {
    let digit = 0;
    for (let bit = 0; bit < 4; bit += 1) digit = 2 * digit + (square[at - bit] > lowerMedian ? 1 : 0);
    hex += digit.toString(16);
  }
  return hex;
}

function quality(points) {
  const step = (to, from) => Math.abs(Math.trunc(Math.fround(Math.fround(Math.fround(points[to] - points[from]) * 100) / 255)));
  let total = 0;
  for (let at = 0; at < points.length; at += 1) {
    if (at >= SAMPLES) total += step(at, at - SAMPLES);
    if (at % SAMPLES) total += step(at, at - 1);
  }
  return Math.min(100, Math.floor(total / GRADIENT_PER_POINT));
}
