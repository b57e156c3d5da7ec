/** What no decoder of ours reads goes through the browser's own, whose pixels may differ from Python's. */

import { checkSize, corrupt, unsupported } from "../core/errors";
import type { Pixels } from "../core/tiles";
import { onWhite } from "./orient";
import { u32le } from "./sniff";

const TYPES: Record<string, string> = {
  JPEG: "image/jpeg",
  PNG: "image/png",
  WebP: "image/webp",
  GIF: "image/gif",
  TIFF: "image/tiff",
  BMP: "image/bmp",
  AVIF: "image/avif",
  HEIF: "image/heic",
};

/** What only some browsers decode: a failure there says nothing about the file. */
const SELDOM = ["TIFF", "HEIF"];

/** Width and height that the header states, where they are easily read; the browser would allocate them. */
function statedSize(data: Uint8Array, kind: string): [number, number] {
  const u16 = (at: number): number => data[at] | (data[at + 1] << 8);
  if (kind === "GIF" && data.length >= 10) return [u16(6), u16(8)];
  if (kind === "BMP" && data.length >= 26) {
    if (u32le(data, 14) === 12) return [u16(18), u16(20)];
    return [u32le(data, 18) | 0, u32le(data, 22) | 0].map(Math.abs) as [number, number];
  }
  return [0, 0];
}

export const BY_BROWSER = "decoded by the browser: may differ from the command line";

/** Upright for AVIF and HEIF, whose containers say how; as stored for the rest. */
export async function browserDecode(data: Uint8Array<ArrayBuffer>, kind: string, notes: string[]): Promise<Pixels> {
  checkSize(...statedSize(data, kind));
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(new Blob([data], { type: TYPES[kind] }), {
      colorSpaceConversion: "none",
      premultiplyAlpha: "none",
      imageOrientation: kind === "AVIF" || kind === "HEIF" ? "from-image" : ("none" as ImageOrientation),
    });
  } catch (error) {
    if (!SELDOM.includes(kind)) throw corrupt(kind, error instanceof Error ? error.message : String(error));
    const remedy = "scan it with the command line, or convert it to PNG first";
    throw unsupported(`a ${kind} file, which this browser does not decode`, remedy);
  }
  const { width, height } = bitmap;
  checkSize(width, height);
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true, alpha: true });
  if (!context) throw unsupported(`a ${kind} file of ${width} x ${height} pixels, too large for this browser`);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const rgba = context.getImageData(0, 0, width, height).data;
  notes.push(BY_BROWSER);
  return onWhite(rgba, width, height, notes);
}
