/** EXIF orientation and alpha, by the rules of `upprint._decoders`. */

import type { Pixels } from "../core/tiles";
import { latin1 } from "./sniff";

/** The orientation tag of a TIFF-style EXIF block, 1..8; a note where EXIF is there but broken. */
export function exifOrientation(block: Uint8Array | null, notes: string[]): number {
  if (!block?.length) return 1;
  const body = latin1(block, 0, 6) === "Exif\0\0" ? block.subarray(6) : block;
  try {
    const value = orientationTag(body);
    return value >= 1 && value <= 8 ? value : 1;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    notes.push("EXIF cannot be read; orientation taken as upright");
    return 1;
  }
}

function orientationTag(body: Uint8Array): number {
  const little = byteOrder(body);
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength); // reads beyond it: RangeError
  const directory = view.getUint32(4, little);
  const count = view.getUint16(directory, little);
  for (let index = 0; index < count; index++) {
    const at = directory + 2 + 12 * index;
    const kind = view.getUint16(at + 2, little);
    if (view.getUint16(at, little) !== 0x0112) continue;
    if (kind === 1) return view.getUint8(at + 8);
    if (kind === 3) return view.getUint16(at + 8, little);
    if (kind === 4) return view.getUint32(at + 8, little);
    throw new RangeError("orientation of another type");
  }
  return 1;
}

/** True for little-endian; `RangeError` where the block is no TIFF structure. */
export function byteOrder(body: Uint8Array): boolean {
  const head = latin1(body, 0, 4);
  if (head !== "II*\0" && head !== "MM\0*") throw new RangeError("no TIFF header");
  return head === "II*\0";
}

/** Apply EXIF orientation 1..8. */
export function turned(pixels: Pixels, orientation: number, notes: string[]): Pixels {
  if (orientation === 1) return pixels;
  notes.push(`turned upright (EXIF orientation ${orientation})`);
  const { data, width: w, height: h } = pixels;
  const swap = orientation >= 5;
  const upsideDown = [3, 4, 7, 8].includes(orientation);
  const mirrored = [2, 3, 6, 7].includes(orientation);
  const [width, height] = swap ? [h, w] : [w, h];
  const out = new Uint8Array(data.length);
  const [rowStep, columnStep] = swap ? [3, w * 3] : [w * 3, 3];
  const step = mirrored ? -columnStep : columnStep;
  for (let y = 0, at = 0; y < height; y++) {
    let from = (upsideDown ? height - 1 - y : y) * rowStep + (mirrored ? (width - 1) * columnStep : 0);
    for (let x = 0; x < width; x++, from += step) {
      out[at++] = data[from];
      out[at++] = data[from + 1];
      out[at++] = data[from + 2];
    }
  }
  return { data: out, width, height };
}

/**
 * RGBA to RGB, dropping an alpha that is known to be full. Four pixels at a time, as words, which takes half the
 * time of single bytes; browsers run on little-endian machines only.
 */
export function withoutAlpha(rgba: Uint8Array | Uint8ClampedArray): Uint8Array<ArrayBuffer> {
  const count = rgba.length >> 2;
  const out = new Uint8Array(count * 3);
  const whole = rgba.byteOffset % 4 === 0 ? count & ~3 : 0;
  const from = new Uint32Array(rgba.buffer, whole && rgba.byteOffset, whole);
  const words = new Uint32Array(out.buffer, 0, (whole * 3) >> 2);
  for (let i = 0, at = 0; i < whole; i += 4, at += 3) {
    const b = from[i + 1];
    const c = from[i + 2];
    words[at] = (from[i] & 0xffffff) | (b << 24);
    words[at + 1] = ((b >>> 8) & 0xffff) | (c << 16);
    words[at + 2] = ((c >>> 16) & 0xff) | (from[i + 3] << 8);
  }
  for (let i = whole; i < count; i++) out.set(rgba.subarray(4 * i, 4 * i + 3), 3 * i);
  return out;
}

/** RGBA to RGB, composited on white with Pillow's integer rounding. */
export function onWhite(rgba: Uint8Array | Uint8ClampedArray, width: number, height: number, notes: string[]): Pixels {
  const count = width * height;
  const out = new Uint8Array(count * 3);
  let opaque = true;
  for (let i = 0, from = 0, at = 0; i < count; i++, from += 4) {
    const alpha = rgba[from + 3];
    if (alpha === 255) {
      out[at++] = rgba[from];
      out[at++] = rgba[from + 1];
      out[at++] = rgba[from + 2];
      continue;
    }
    opaque = false;
    const white = 255 * (255 - alpha) + 128;
    for (let c = 0; c < 3; c++) {
      const value = rgba[from + c] * alpha + white;
      out[at++] = ((value >> 8) + value) >> 8;
    }
  }
  if (!opaque) notes.push("alpha composited on white");
  return { data: out, width, height };
}
