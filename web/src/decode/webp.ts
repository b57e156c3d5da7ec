/** WebP through libwebp compiled to WebAssembly, which gives Pillow's pixels. */

import libwebp, { type WebPModule } from "@jsquash/webp/codec/dec/webp_dec.js";
import wasmUrl from "@jsquash/webp/codec/dec/webp_dec.wasm?url";
import { checkSize, corrupt, unsupported } from "../core/errors";
import type { Pixels } from "../core/tiles";
import { browserDecode } from "./browser";
import { exifOrientation, onWhite, turned } from "./orient";
import { latin1, u32le } from "./sniff";
import { Wasm } from "./wasm";
import { riffChunks } from "./webp_chunks";

const codec = new Wasm<WebPModule>(libwebp, wasmUrl);

export async function decodeWebp(data: Uint8Array<ArrayBuffer>, notes: string[]): Promise<Pixels> {
  checkSize(...canvasSize(data));
  const chunks = riffChunks(data);
  const frames = chunks.filter((chunk) => chunk.name === "ANMF").length;
  const exif = chunks.find((chunk) => chunk.name === "EXIF")?.payload ?? null;
  let pixels: Pixels;
  if (frames > 0) {
    if (frames > 1) notes.push(`first of ${frames} frames`);
    pixels = await browserDecode(data, "WebP", notes);
  } else {
    const [width, height] = canvasSize(data);
    const { result, said } = await codec.run((module) => module.decode(data), width * height * 4);
    if (!result) throw corrupt("WebP", said[0] ?? "the decoder gave up");
    if (result.width === 0) throw unsupported("a picture without pixels");
    pixels = onWhite(result.data, result.width, result.height, notes);
  }
  return turned(pixels, exifOrientation(exif, notes), notes);
}

/** Width and height of the canvas (RFC 9649, sections 2.5 to 2.7). */
function canvasSize(data: Uint8Array): [number, number] {
  const kind = latin1(data, 12, 16);
  const u16 = (at: number): number => data[at] | (data[at + 1] << 8);
  const u24 = (at: number): number => u16(at) | (data[at + 2] << 16);
  if (data.length >= 30 && kind === "VP8 ") return [u16(26) & 0x3fff, u16(28) & 0x3fff];
  if (data.length >= 25 && kind === "VP8L") {
    const bits = u32le(data, 21);
    return [(bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1];
  }
  if (data.length >= 30 && kind === "VP8X") return [u24(24) + 1, u24(27) + 1];
  throw corrupt("WebP", "the header is broken");
}
