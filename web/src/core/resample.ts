/** Bicubic resizing with anti-aliasing, bit for bit as Pillow does it for 8-bit samples (`Image.resize`). */

import type { Pixels } from "./tiles";

const PRECISION = 22; // bits behind the point: 32 - 8 for the sample - 2 for sign and overshoot

/** Python's `round`: halves go to the even neighbour. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Both sides times `factor`, at least one pixel. */
export function resizeBy(pixels: Pixels, factor: number): Pixels {
  const width = Math.max(1, roundHalfEven(pixels.width * factor));
  const height = Math.max(1, roundHalfEven(pixels.height * factor));
  return alongRows(alongColumns(pixels, width), height);
}

function cubic(x: number): number {
  const a = -0.5;
  x = Math.abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

interface Weights {
  first: Int32Array;
  count: Int32Array;
  values: Int32Array;
  width: number;
}

function weights(from: number, to: number): Weights {
  const scale = from / to;
  const filterScale = Math.max(scale, 1);
  const support = 2 * filterScale;
  const width = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  const values = new Int32Array(to * width);
  const row = new Float64Array(width);
  for (let index = 0; index < to; index++) {
    const centre = (index + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const high = Math.min(from, Math.trunc(centre + support + 0.5));
    let total = 0;
    for (let k = 0; k < high - low; k++) {
      row[k] = cubic((k + low - centre + 0.5) * (1 / filterScale));
      total += row[k];
    }
    for (let k = 0; k < high - low; k++) {
      const value = (total !== 0 ? row[k] / total : row[k]) * 2 ** PRECISION;
      values[index * width + k] = Math.trunc(value < 0 ? value - 0.5 : value + 0.5);
    }
    first[index] = low;
    count[index] = high - low;
  }
  return { first, count, values, width };
}

function clip(sum: number): number {
  const value = sum >> PRECISION;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

function alongColumns({ data, width, height }: Pixels, to: number): Pixels {
  if (to === width) return { data, width, height };
  const w = weights(width, to);
  const out = new Uint8Array(to * height * 3);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < to; x++) {
      let red = 1 << (PRECISION - 1);
      let green = red;
      let blue = red;
      let from = (y * width + w.first[x]) * 3;
      for (let k = 0, i = x * w.width; k < w.count[x]; k++, i++, from += 3) {
        red += data[from] * w.values[i];
        green += data[from + 1] * w.values[i];
        blue += data[from + 2] * w.values[i];
      }
      out[at++] = clip(red);
      out[at++] = clip(green);
      out[at++] = clip(blue);
    }
  }
  return { data: out, width: to, height };
}

function alongRows({ data, width, height }: Pixels, to: number): Pixels {
  if (to === height) return { data, width, height };
  const w = weights(height, to);
  const line = width * 3;
  const out = new Uint8Array(line * to);
  const sums = new Int32Array(line);
  for (let y = 0; y < to; y++) {
    sums.fill(1 << (PRECISION - 1));
    for (let k = 0; k < w.count[y]; k++) {
      const weight = w.values[y * w.width + k];
      const from = (w.first[y] + k) * line;
      for (let i = 0; i < line; i++) sums[i] += data[from + i] * weight;
    }
    for (let i = 0; i < line; i++) out[y * line + i] = clip(sums[i]);
  }
  return { data: out, width, height: to };
}
