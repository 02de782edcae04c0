// Makes the working copy that every match code is computed from: long side 512, never enlarged, transparency on white. The filter is
// the bicubic one of the server, in the same whole numbers, so that the same pixels give the same copy.

export const WORKING_SIDE = 512;

const SUPPORT = 2;
const PRECISION = 22;
const LEAST_DECODED_SIDE = 256;

// Takes { data, width, height }: RGBA bytes without transparency. A size is given where they were halved before.
export function workingCopy({ data, width: fullWidth, height: fullHeight }, size = workingSize(fullWidth, fullHeight)) {
  const [width, height] = size;
  const narrow = new Uint8Array(3 * width * fullHeight);
  if (width === fullWidth) dropFourth(data, narrow);
  else scaleAcross(data, fullWidth, narrow, width, taps(fullWidth, width));
  if (height === fullHeight) return { rgb: narrow, width, height };
  const rgb = new Uint8Array(3 * width * height);
  scaleDown(narrow, rgb, 3 * width, taps(fullHeight, height));
  return { rgb, width, height };
}

export function workingSize(width, height) {
  const longer = Math.max(width, height);
  if (longer <= WORKING_SIDE) return [width, height];
  return [width, height].map((side) => Math.max(1, halfToEven((side * WORKING_SIDE) / longer)));
}

// How often a picture may be halved before the filter: as JPEG's own scaling does on the server, never below the working copy, and
// never below 256 on a side, where long thin pictures would change too much.
export function halvings(width, height) {
  const least = workingSize(width, height).map((side) => Math.max(side, LEAST_DECODED_SIDE));
  let times = 0;
  while (width >> (times + 1) >= least[0] && height >> (times + 1) >= least[1]) times += 1;
  return times;
}

export function onWhite({ data, width, height }) {
  const opaque = new Uint8ClampedArray(data);
  for (let at = 0; at < opaque.length; at += 4) {
    const alpha = opaque[at + 3];
    if (alpha === 255) continue;
    for (let channel = at; channel < at + 3; channel += 1) {
      opaque[channel] = (opaque[channel] * alpha + 255 * (255 - alpha)) / 255;
    }
  }
  return { data: opaque, width, height };
}

function halfToEven(value) {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 ? below + 1 : below;
}

function bicubic(distance) {
  const x = Math.abs(distance);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? -0.5 * (((x - 5) * x + 8) * x - 4) : 0;
}

// For each point of the smaller side: where its weights begin, how many there are, and the weights in whole numbers.
function taps(from, to) {
  const scale = from / to;
  const reach = SUPPORT * scale;
  const size = 2 * Math.ceil(reach) + 1;
  const starts = new Int32Array(to);
  const counts = new Int32Array(to);
  const table = new Int32Array(to * size);
  for (let point = 0; point < to; point += 1) {
    const centre = (point + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - reach + 0.5));
    const count = Math.min(from, Math.trunc(centre + reach + 0.5)) - start;
    const exact = Float64Array.from({ length: count }, (_, at) => bicubic((at + start - centre + 0.5) / scale));
    const sum = exact.reduce((total, weight) => total + weight, 0);
    starts[point] = start;
    counts[point] = count;
    exact.forEach((weight, at) => {
      table[point * size + at] = Math.trunc((weight / sum) * (1 << PRECISION) + (weight < 0 ? -0.5 : 0.5));
    });
  }
  return { starts, counts, table, size };
}

function clipped(sum) {
  const value = sum >> PRECISION;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

function scaleAcross(pixels, sourceWidth, target, width, { starts, counts, table, size }) {
  const rows = target.length / (3 * width);
  for (let row = 0; row < rows; row += 1) {
    for (let point = 0, out = 3 * width * row; point < width; point += 1, out += 3) {
      let at = 4 * (row * sourceWidth + starts[point]);
      let red = 1 << (PRECISION - 1);
      let green = red;
      let blue = red;
      for (let weight = point * size, end = weight + counts[point]; weight < end; weight += 1, at += 4) {
        red += Math.imul(pixels[at], table[weight]);
        green += Math.imul(pixels[at + 1], table[weight]);
        blue += Math.imul(pixels[at + 2], table[weight]);
      }
      target[out] = clipped(red);
      target[out + 1] = clipped(green);
      target[out + 2] = clipped(blue);
    }
  }
}

function scaleDown(source, target, stride, { starts, counts, table, size }) {
  const totals = new Int32Array(stride);
  for (let point = 0; point < starts.length; point += 1) {
    totals.fill(1 << (PRECISION - 1));
    for (let tap = 0; tap < counts[point]; tap += 1) {
      const weight = table[point * size + tap];
      const from = (starts[point] + tap) * stride;
      for (let at = 0; at < stride; at += 1) totals[at] += Math.imul(source[from + at], weight);
    }
    for (let at = 0; at < stride; at += 1) target[point * stride + at] = clipped(totals[at]);
  }
}

function dropFourth(pixels, target) {
  for (let at = 0, from = 0; at < target.length; at += 3, from += 4) {
    target[at] = pixels[from];
    target[at + 1] = pixels[from + 1];
    target[at + 2] = pixels[from + 2];
  }
}
