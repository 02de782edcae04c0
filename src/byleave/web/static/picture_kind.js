// What a file is by its first bytes, whatever its name says, and how many pixels it says it has: before any memory is taken for them.

export const HEAD_BYTES = 64;

const text = (bytes, from, to) => String.fromCharCode(...bytes.subarray(from, to));

// One of the picture formats that are read, "svg", "zip", or null.
export function kindOf(head) {
  if (head[0] === 0xff && head[1] === 0xd8 && head[2] === 0xff) return "jpeg";
  if (text(head, 0, 8) === "\x89PNG\r\n\x1a\n") return "png";
  if (/^GIF8[79]a/.test(text(head, 0, 6))) return "gif";
  if (text(head, 0, 4) === "RIFF" && text(head, 8, 12) === "WEBP") return "webp";
  if (text(head, 4, 8) === "ftyp" && /avi[fs]/.test(text(head, 8, 40))) return "avif";
  if (["II*\0", "MM\0*"].includes(text(head, 0, 4))) return "tiff";
  if (text(head, 0, 2) === "BM" && head[14] >= 12 && head[15] === 0) return "bmp";
  if (["PK\x03\x04", "PK\x05\x06"].includes(text(head, 0, 4))) return "zip";
  if (/^\s*(<\?xml[^>]*>\s*)?(<!--|<!DOCTYPE svg|<svg)/i.test(text(head, 0, HEAD_BYTES))) return "svg";
  return null;
}

// Width times height as the file states it; 0 where it does not say, and then its decoder is asked.
export function pixelsOf(kind, bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return SIZES[kind]?.(view) ?? 0;
  } catch (error) {
    if (error instanceof RangeError) return 0; // cut short; its decoder will say so
    throw error;
  }
}

const SIZES = {
  png: (view) => view.getUint32(16) * view.getUint32(20),
  gif: (view) => view.getUint16(6, true) * view.getUint16(8, true),
  bmp: (view) => Math.abs(view.getInt32(18, true) * view.getInt32(22, true)),
  jpeg: jpegPixels,
  webp: webpPixels,
  avif: avifPixels,
};

function jpegPixels(view) {
  for (let at = 2; ; ) {
    const marker = view.getUint8(at + 1);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return view.getUint16(at + 5) * view.getUint16(at + 7);
    at += marker === 0xff ? 1 : 2 + view.getUint16(at + 2);
  }
}

function webpPixels(view) {
  const form = view.getUint8(15);
  if (form === 0x58) return (1 + (view.getUint32(24, true) & 0xffffff)) * (1 + (view.getUint32(26, true) >>> 8));
  if (form === 0x4c) {
    const sides = view.getUint32(21, true);
    return (1 + (sides & 0x3fff)) * (1 + ((sides >>> 14) & 0x3fff));
  }
  return (view.getUint16(26, true) & 0x3fff) * (view.getUint16(28, true) & 0x3fff);
}

// The largest of the sizes it names: one is the picture's, others may be those of its tiles.
function avifPixels(view) {
  let most = 0;
  for (let at = 0; at + 16 <= Math.min(view.byteLength, 4096); at += 1) {
    if (view.getUint32(at) === 0x69737065) most = Math.max(most, view.getUint32(at + 8) * view.getUint32(at + 12));
  }
  return most;
}
