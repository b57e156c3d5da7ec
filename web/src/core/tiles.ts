/** From a decoded picture to the network's input, as `upprint.preprocess`. Nothing is ever enlarged. */

import type { InputRule } from "./card";

/** An upright picture: RGB, one byte each, row by row. */
export interface Pixels {
  data: Uint8Array;
  width: number;
  height: number;
}

export type Origin = readonly [top: number, left: number];

/** Top-left corners of the tiles to score, row by row; `budget` null covers the whole picture. */
export function tileOrigins(height: number, width: number, rule: InputRule, budget: number | null): Origin[] {
  const { tile, grid } = rule;
  const [lastRow, lastColumn] = [height, width].map((side) => Math.floor(Math.max(side - tile, 0) / grid));
  const reach = Math.floor(tile / grid);
  let rows = Math.ceil(lastRow / reach) + 1;
  let columns = Math.ceil(lastColumn / reach) + 1;
  if (budget !== null && rows * columns > budget) {
    [rows, columns] = lattice(height, width, rows, columns, budget);
  }
  const across = spread(lastColumn, columns);
  return spread(lastRow, rows).flatMap((row) => across.map((column): Origin => [row * grid, column * grid]));
}

function lattice(height: number, width: number, rows: number, columns: number, budget: number): [number, number] {
  let best: [number, number] = [1, 1];
  let cell = Infinity;
  for (let r = 1; r <= Math.min(rows, budget); r++) {
    const c = Math.min(columns, Math.floor(budget / r));
    const longer = Math.max(height / r, width / c);
    if (longer < cell || (longer === cell && r * c > best[0] * best[1])) {
      best = [r, c];
      cell = longer;
    }
  }
  return best;
}

function spread(last: number, count: number): number[] {
  if (count === 1) return [Math.floor(last / 2)];
  return Array.from({ length: count }, (_, index) => Math.floor((index * last) / (count - 1)));
}

/** Repeat a picture until no side is shorter than `side`; the period is a multiple of `grid`. */
export function repeatTo(pixels: Pixels, side: number, grid: number): Pixels {
  if (pixels.width >= side && pixels.height >= side) return pixels;
  const rows = axis(pixels.height, side, grid);
  const columns = axis(pixels.width, side, grid);
  const data = new Uint8Array(rows.length * columns.length * 3);
  let at = 0;
  for (const row of rows) {
    for (const column of columns) {
      const from = (row * pixels.width + column) * 3;
      data[at++] = pixels.data[from];
      data[at++] = pixels.data[from + 1];
      data[at++] = pixels.data[from + 2];
    }
  }
  return { data, width: columns.length, height: rows.length };
}

function axis(length: number, side: number, grid: number): number[] {
  if (length >= side) return Array.from({ length }, (_, index) => index);
  const step = length >= grid ? grid : Math.min(2, length);
  return Array.from({ length: side }, (_, index) => index % (length - (length % step)));
}

/** One square tile, RGB bytes. */
export function cut(pixels: Pixels, [top, left]: Origin, side: number): Uint8Array {
  const out = new Uint8Array(side * side * 3);
  for (let y = 0; y < side; y++) {
    const from = ((top + y) * pixels.width + left) * 3;
    out.set(pixels.data.subarray(from, from + side * 3), y * side * 3);
  }
  return out;
}

/** The picture's logit from those of its tiles. */
export function pool(logits: readonly number[], rule: InputRule): number {
  if (logits.length === 0) throw new RangeError("no logits to pool: expected one per tile, at least one");
  if (rule.pooling === "max") return Math.max(...logits);
  if (rule.pooling === "mean") return logits.reduce((sum, value) => sum + value, 0) / logits.length;
  const sorted = [...logits].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
