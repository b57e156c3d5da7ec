/** The segments of a JPEG up to its first scan, as ISO/IEC 10918-1 Annex B lays them out. */

import { corrupt } from "../core/errors";
import { latin1, u16be } from "./sniff";

export interface Segment {
  code: number;
  payload: Uint8Array;
}

export interface JpegHeader {
  frame: number;
  precision: number;
  width: number;
  height: number;
  components: number;
  exif: Uint8Array | null;
  segments: Segment[];
  /** Where the first scan starts. */
  scan: number;
}

const MAX_SEGMENTS = 65_536;
const NO_FRAME = [0xc4, 0xc8, 0xcc];

export function jpegHeader(data: Uint8Array): JpegHeader {
  const segments: Segment[] = [];
  let frame: Uint8Array | null = null;
  let code = 0;
  let exif: Uint8Array | null = null;
  let position = 2;
  for (let n = 0; n < MAX_SEGMENTS; n++) {
    const start = data.indexOf(0xff, position);
    if (start < 0) break;
    let at = start;
    while (data[at] === 0xff) at++;
    if (at >= data.length) break;
    const marker = data[at];
    position = at + 1;
    if (marker <= 0x01 || (marker >= 0xd0 && marker <= 0xd8)) continue; // no payload
    const length = position + 2 <= data.length ? u16be(data, position) : 0;
    if (marker === 0xd9 || length < 2 || position + length > data.length) break;
    const payload = data.subarray(position + 2, position + length);
    segments.push({ code: marker, payload });
    if (marker >= 0xc0 && marker <= 0xcf && !NO_FRAME.includes(marker) && !frame && payload.length >= 6) {
      frame = payload;
      code = marker;
    } else if (marker === 0xe1 && !exif && latin1(payload, 0, 6) === "Exif\0\0") {
      exif = payload;
    }
    position += length;
    if (marker === 0xda) {
      if (!frame) break;
      const [height, width] = [u16be(frame, 1), u16be(frame, 3)];
      return { frame: code, precision: frame[0], width, height, components: frame[5], exif, segments, scan: start };
    }
  }
  throw corrupt("JPEG", "the header ends early");
}

/** Passes over the picture: FFDA starts one, FFD9 ends the last; compressed data hold neither. */
export function scansIn(data: Uint8Array, from: number): number {
  let scans = 0;
  for (let at = data.indexOf(0xff, from); at >= 0; at = data.indexOf(0xff, at + 1)) {
    if (data[at + 1] === 0xda) scans++;
    if (data[at + 1] === 0xd9) break;
  }
  return scans;
}
