// Finds the frame around a picture by the rule of the server: a line of pixels belongs to it when nearly all of it has the colour of
// that side's outermost line. Sides are taken in turn until none moves.

const TOLERANCE = 32;
const FRAME_SHARE = 0.98;
const LEAST_SIDE = 0.25;
const ROUNDS = 8;

// The inside of the frame as a picture of its own, or the very same picture where there is no frame.
export function trimmed(picture) {
  let box = { top: 0, bottom: picture.height, left: 0, right: picture.width };
  for (let round = 0; round < ROUNDS; round += 1) {
    const inner = withoutFrame(picture, box);
    if (!inner) return picture;
    if (Object.keys(box).every((side) => box[side] === inner[side])) break;
    box = inner;
  }
  const [rows, columns] = [box.bottom - box.top, box.right - box.left];
  if (rows < LEAST_SIDE * picture.height || columns < LEAST_SIDE * picture.width) return picture;
  return rows === picture.height && columns === picture.width ? picture : cut(picture, box);
}

// One round over all four sides; null when nothing but frame is left.
function withoutFrame(picture, { top, bottom, left, right }) {
  const rows = (from, step) => frameLines(picture.rgb, {
    start: 3 * (from * picture.width + left), line: 3 * step * picture.width, pixel: 3, lines: bottom - top, length: right - left,
  });
  const above = rows(top, 1);
  const below = rows(bottom - 1, -1);
  if (above + below >= bottom - top) return null;
  top += above;
  bottom -= below;
  const columns = (from, step) => frameLines(picture.rgb, {
    start: 3 * (top * picture.width + from), line: 3 * step, pixel: 3 * picture.width, lines: right - left, length: bottom - top,
  });
  const ahead = columns(left, 1);
  const behind = columns(right - 1, -1);
  if (ahead + behind >= right - left) return null;
  return { top, bottom, left: left + ahead, right: right - behind };
}

// Counts the leading lines that have the colour of the first one.
function frameLines(rgb, { start, line, pixel, lines, length }) {
  const colour = [0, 1, 2].map((channel) => median(rgb, start + channel, pixel, length));
  const needed = Math.ceil(FRAME_SHARE * length);
  for (let number = 0; number < lines; number += 1) {
    let near = 0;
    for (let at = start + number * line, left = length; left > 0; at += pixel, left -= 1) {
      const furthest = Math.max(
        Math.abs(rgb[at] - colour[0]), Math.abs(rgb[at + 1] - colour[1]), Math.abs(rgb[at + 2] - colour[2]),
      );
      if (furthest <= TOLERANCE) near += 1;
    }
    if (near < needed) return number;
  }
  return lines;
}

function median(rgb, start, step, length) {
  const sorted = Uint8Array.from({ length }, (_, at) => rgb[start + at * step]).sort();
  return Math.floor((sorted[(length - 1) >> 1] + sorted[length >> 1]) / 2);
}

function cut(picture, { top, bottom, left, right }) {
  const [width, height] = [right - left, bottom - top];
  const rgb = new Uint8Array(3 * width * height);
  for (let row = 0; row < height; row += 1) {
    const from = 3 * ((top + row) * picture.width + left);
    rgb.set(picture.rgb.subarray(from, from + 3 * width), 3 * row * width);
  }
  return { rgb, width, height };
}
