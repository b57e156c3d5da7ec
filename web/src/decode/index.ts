/** From a file's bytes to an upright RGB picture: the rule of `upprint.images`, once more for the browser. */

import { EXPECTED, ImageError, unsupported } from "../core/errors";
import type { Pixels } from "../core/tiles";
import { browserDecode } from "./browser";
import { decodeJpeg } from "./jpeg";
import { decodePng } from "./png";
import { misnamed, READ, sniff } from "./sniff";
import { decodeWebp } from "./webp";

export interface Decoded {
  pixels: Pixels;
  format: string;
  notes: string[];
}

export async function decode(data: Uint8Array<ArrayBuffer>, name: string): Promise<Decoded> {
  if (data.length === 0) throw new ImageError("EmptyFile", "zero bytes", EXPECTED, "fetch or copy the file again");
  const format = sniff(data);
  if (format === null) {
    const start = Array.from(data.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const found = `no known image format (the file starts with ${start})`;
    throw new ImageError("NotAnImage", found, EXPECTED, "leave the file out");
  }
  if (!READ.includes(format)) throw unsupported(`a ${format} file`);
  const notes = misnamed(name, format);
  try {
    return { pixels: await byFormat(data, format, notes), format, notes };
  } catch (error) {
    if (error instanceof RangeError && /alloc|length|memory/i.test(error.message)) {
      const found = `a ${format} file that needs more memory than is free`;
      throw new ImageError("ImageTooLarge", found, "one that fits", "free memory, or scan it with the command line");
    }
    throw error;
  }
}

async function byFormat(data: Uint8Array<ArrayBuffer>, format: string, notes: string[]): Promise<Pixels> {
  if (format === "JPEG") return decodeJpeg(data, notes);
  if (format === "PNG") return decodePng(data, notes);
  if (format === "WebP") return decodeWebp(data, notes);
  if (format === "GIF" && gifFrames(data) > 1) notes.push("first of several frames");
  return browserDecode(data, format, notes);
}

/** Frames of a GIF, counted up to two. */
function gifFrames(data: Uint8Array): number {
  const table = (flags: number): number => (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0);
  let at = 13 + table(data[10]);
  let frames = 0;
  while (at < data.length && frames < 2 && data[at] !== 0x3b) {
    if (data[at] === 0x2c) {
      frames++;
      at += 11 + table(data[at + 9]);
    } else if (data[at] === 0x21) {
      at += 2;
    } else {
      return frames + 1; // what follows the first frame is broken, and not needed
    }
    while (at < data.length && data[at] !== 0) at += data[at] + 1;
    at++;
  }
  return frames;
}

