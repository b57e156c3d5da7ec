/** JPEG through libjpeg (MozJPEG's decoder, compiled to WebAssembly), which gives Pillow's pixels. */

import mozjpeg, { type MozJPEGModule } from "@jsquash/jpeg/codec/dec/mozjpeg_dec.js";
import wasmUrl from "@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm?url";
import { checkSize, corrupt, unsupported } from "../core/errors";
import type { Pixels } from "../core/tiles";
import { browserDecode } from "./browser";
import { jpegHeader, scansIn } from "./jpeg_header";
import { exifOrientation, turned, withoutAlpha } from "./orient";
import { Wasm } from "./wasm";

const DAMAGE = /Corrupt JPEG data|Premature end/;
const HARMLESS = /extraneous bytes before marker 0xd9/;
const DECODED = [0xc0, 0xc1, 0xc2, 0xc9, 0xca];
const ARITHMETIC = [0xc9, 0xca];
const MAX_SCANS = 500;

const codec = new Wasm<MozJPEGModule>(mozjpeg, wasmUrl);

export async function decodeJpeg(data: Uint8Array<ArrayBuffer>, notes: string[]): Promise<Pixels> {
  const header = jpegHeader(data);
  const { frame, precision, width, height, components } = header;
  if (!DECODED.includes(frame) || precision !== 8 || ![1, 3, 4].includes(components)) {
    const process = `process ${frame - 0xc0}, ${precision} bits, ${components} components`;
    throw unsupported(`a JPEG of a rare kind (${process})`);
  }
  checkSize(width, height);
  if (scansIn(data, header.scan) > MAX_SCANS) throw unsupported(`a JPEG of more than ${MAX_SCANS} scans`);
  let pixels: Pixels;
  if (components === 4) {
    if (!closed(data, header.scan)) throw corrupt("JPEG", "the picture's data end early");
    pixels = await browserDecode(data, "JPEG", notes);
    notes.push("CMYK converted by the browser");
  } else if (ARITHMETIC.includes(frame)) {
    throw unsupported("a JPEG with arithmetic coding", "scan it with the command line, or convert it to PNG first");
  } else {
    const { result, said } = await codec.run((module) => module.decode(data, false), width * height * 4);
    const words = said.find((line) => DAMAGE.test(line));
    if (words && HARMLESS.test(words)) notes.push(words);
    else if (words) throw corrupt("JPEG", words);
    if (!result) throw corrupt("JPEG", said[0] ?? "the decoder gave up");
    pixels = { data: withoutAlpha(result.data), width: result.width, height: result.height };
  }
  return turned(pixels, exifOrientation(header.exif, notes), notes);
}

/** Whether the end marker is there; browsers show what a cut file still has. */
function closed(data: Uint8Array, from: number): boolean {
  for (let at = data.indexOf(0xd9, from); at >= 0; at = data.indexOf(0xd9, at + 1)) if (data[at - 1] === 0xff) return true;
  return false;
}

