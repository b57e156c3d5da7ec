/** The few EXIF tags that say who made a picture and with what (Exif 2.3, section 4.6). */

import { byteOrder } from "../decode/orient";
import { latin1 } from "../decode/sniff";
import { latin1Text } from "./text";

const NAMES: Record<number, string> = {
  0x010e: "ImageDescription",
  0x010f: "Make",
  0x0110: "Model",
  0x0131: "Software",
  0x0132: "DateTime",
  0x013b: "Artist",
  0x8298: "Copyright",
  0x9003: "DateTimeOriginal",
  0x9286: "UserComment",
  0xa434: "LensModel",
};
const SUB_DIRECTORY = 0x8769;
const POSITION = 0x8825;
const MAX_ENTRIES = 512;

/** Names and values; what was read before a broken part stays. */
export function exifTexts(block: Uint8Array): [string, string][] {
  const body = latin1(block, 0, 6) === "Exif\0\0" ? block.subarray(6) : block;
  const found: [string, string][] = [];
  try {
    const little = byteOrder(body);
    const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    directory(view, view.getUint32(4, little), little, found, true);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return found;
}

function directory(view: DataView, start: number, little: boolean, found: [string, string][], top: boolean): void {
  const count = Math.min(view.getUint16(start, little), MAX_ENTRIES);
  for (let index = 0; index < count; index++) {
    const at = start + 2 + 12 * index;
    const tag = view.getUint16(at, little);
    const kind = view.getUint16(at + 2, little);
    const length = view.getUint32(at + 4, little);
    if (tag === SUB_DIRECTORY && top) directory(view, view.getUint32(at + 8, little), little, found, false);
    if (tag === POSITION && top) found.push(["GPS position", "present"]);
    const name = NAMES[tag];
    if (!name || (kind !== 2 && kind !== 7)) continue;
    const from = length <= 4 ? at + 8 : view.getUint32(at + 8, little);
    if (from + length > view.byteLength) throw new RangeError("a value beyond the block");
    const bytes = new Uint8Array(view.buffer, view.byteOffset + from, length);
    found.push([name, name === "UserComment" ? comment(bytes) : latin1Text(bytes)]);
  }
}

/** Eight bytes name the encoding. */
function comment(bytes: Uint8Array): string {
  const body = bytes.subarray(8);
  if (latin1(bytes, 0, 7) !== "UNICODE") return latin1Text(body);
  const big = body[0] === 0;
  return new TextDecoder(big ? "utf-16be" : "utf-16le").decode(body);
}
