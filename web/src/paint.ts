/** Pictures and maps as RGBA of a size that a screen can use. */

import type { CamMap } from "./core/cam";
import { DIVERGING, divergingAt, TINT } from "./core/colour";
import { type Anchor, niceLimit, npr, poolExtreme, scaleLimit } from "./core/npr";
import type { Pixels } from "./core/tiles";
import type { NprMap, Painting } from "./protocol";

const LONGEST = 2400;
/** Opacity of the overlay's colours at the end of the scale. */
const STRONGEST = 0.85;
const UNSEEN = [255, 255, 255, 150];
const MAP_LONGEST = 1024;

function blank(width: number, height: number): Painting {
  return { rgba: new Uint8ClampedArray(width * height * 4), width, height };
}

/** The picture, reduced by a whole number: means of squares. */
export function paintPicture({ data, width, height }: Pixels): Painting {
  const factor = Math.max(1, Math.ceil(Math.max(width, height) / LONGEST));
  const out = blank(Math.ceil(width / factor), Math.ceil(height / factor));
  for (let y = 0, at = 0; y < out.height; y++) {
    const bottom = Math.min((y + 1) * factor, height);
    for (let x = 0; x < out.width; x++, at += 4) {
      const end = Math.min((x + 1) * factor, width);
      let [red, green, blue] = [0, 0, 0];
      for (let row = y * factor; row < bottom; row++) {
        for (let from = (row * width + x * factor) * 3; from < (row * width + end) * 3; from += 3) {
          red += data[from];
          green += data[from + 1];
          blue += data[from + 2];
        }
      }
      const count = (bottom - y * factor) * (end - x * factor);
      out.rgba[at] = red / count;
      out.rgba[at + 1] = green / count;
      out.rgba[at + 2] = blue / count;
      out.rgba[at + 3] = 255;
    }
  }
  return out;
}

/** Signed evidence as a tint that grows with it; what no tile has seen is veiled. Bilinear between cells. */
export function paintWhere(map: CamMap): { painting: Painting; limit: number } {
  const seen = map.cells.filter((value) => !Number.isNaN(value));
  const limit = niceLimit(scaleLimit(seen, 98, 0.1));
  const times = Math.max(1, Math.floor(MAP_LONGEST / Math.max(map.rows, map.columns)));
  const painting = blank(map.columns * times, map.rows * times);
  const [below, above] = [-TINT, TINT].map((value) => {
    const at = divergingAt(value, 1);
    return DIVERGING.subarray(at, at + 3);
  });
  const cell = (row: number, column: number): number => map.cells[row * map.columns + column];
  for (let y = 0, at = 0; y < painting.height; y++) {
    const v = Math.min(Math.max((y + 0.5) / times - 0.5, 0), map.rows - 1);
    const top = Math.floor(v);
    const bottom = Math.min(top + 1, map.rows - 1);
    for (let x = 0; x < painting.width; x++, at += 4) {
      const u = Math.min(Math.max((x + 0.5) / times - 0.5, 0), map.columns - 1);
      const left = Math.floor(u);
      const right = Math.min(left + 1, map.columns - 1);
      const own = cell(Math.floor(y / times), Math.floor(x / times));
      if (Number.isNaN(own)) {
        painting.rgba.set(UNSEEN, at);
        continue;
      }
      const around = [cell(top, left), cell(top, right), cell(bottom, left), cell(bottom, right)];
      const [a, b, c, d] = around.map((value) => (Number.isNaN(value) ? own : value));
      const value = (a + (b - a) * (u - left)) * (1 - v + top) + (c + (d - c) * (u - left)) * (v - top);
      painting.rgba.set(value < 0 ? below : above, at);
      painting.rgba[at + 3] = 255 * STRONGEST * Math.min(1, Math.abs(value) / limit);
    }
  }
  return { painting, limit };
}

export function paintNpr(pixels: Pixels, channel: number, block: number, anchor: Anchor): Omit<NprMap, "own"> {
  const values = npr(pixels, channel, block, anchor);
  const limit = niceLimit(scaleLimit(values, 95, 1));
  const factor = Math.max(1, Math.ceil(Math.max(pixels.width, pixels.height) / LONGEST));
  const shown = poolExtreme(values, pixels.width, pixels.height, factor);
  const painting = blank(Math.ceil(pixels.width / factor), Math.ceil(pixels.height / factor));
  shown.forEach((value, index) => {
    const at = divergingAt(value, limit);
    for (let c = 0; c < 3; c++) painting.rgba[index * 4 + c] = DIVERGING[at + c];
    painting.rgba[index * 4 + 3] = 255;
  });
  return { painting, limit, factor, block, anchor };
}
