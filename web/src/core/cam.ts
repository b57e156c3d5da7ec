/** The map of where a score comes from, from the tiles' class activation maps, as `upprint.explain.cam`. */

import type { Origin } from "./tiles";

export interface TileMap {
  origin: Origin;
  logit: number;
  /** side x side cells, row by row; their mean plus the head's bias is the tile's logit. */
  cells: Float32Array;
  side: number;
}

/** `cells` row by row, NaN where no tile has looked; a cell is `unit` picture pixels wide and high. */
export interface CamMap {
  cells: Float32Array;
  rows: number;
  columns: number;
  unit: number;
  complete: boolean;
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** Lay the tiles' maps side by side; where they overlap, their mean. Ends where no whole cell fits. */
export function layTiles(maps: readonly TileMap[], tile: number, height: number, width: number): CamMap {
  const stride = tile / maps[0].side;
  const unit = maps.reduce((found, { origin }) => gcd(gcd(found, origin[0]), origin[1]), stride);
  const [rows, columns] = [height, width].map((side) => Math.max(1, Math.floor(side / unit)));
  const total = new Float64Array(rows * columns);
  const count = new Int32Array(rows * columns);
  const times = stride / unit;
  for (const { origin, cells, side } of maps) {
    const [top, left] = origin.map((edge) => edge / unit);
    for (let y = 0; y < side * times && top + y < rows; y++) {
      for (let x = 0; x < side * times && left + x < columns; x++) {
        const at = (top + y) * columns + left + x;
        total[at] += cells[Math.floor(y / times) * side + Math.floor(x / times)];
        count[at]++;
      }
    }
  }
  const cells = Float32Array.from(total, (value, index) => value / count[index]);
  return { cells, rows, columns, unit, complete: count.every((n) => n > 0) };
}

export interface Summary {
  /** Part of the cells looked at that argue for `generated`. */
  share: number;
  /** Part of the picture's cells that a tile has looked at. */
  seen: number;
  /** Where the strongest evidence for `generated` lies: which third from the top and from the left. */
  place: readonly [number, number];
}

/** A map in numbers that can be read out. The strongest place is found over squares of about a tenth. */
export function summary({ cells, rows, columns }: CamMap): Summary {
  const side = Math.max(1, Math.round(Math.max(rows, columns) / 10));
  const across = Math.ceil(columns / side);
  const sums = new Float64Array(across * Math.ceil(rows / side));
  let seen = 0;
  let above = 0;
  cells.forEach((value, index) => {
    if (Number.isNaN(value)) return;
    seen++;
    if (value > 0) above++;
    sums[Math.floor(index / columns / side) * across + Math.floor((index % columns) / side)] += value;
  });
  const best = sums.reduce((most, value, index) => (value > sums[most] ? index : most), 0);
  const third = (at: number, length: number): number => Math.min(2, Math.floor(((at + 0.5) * side * 3) / length));
  return {
    share: above / seen,
    seen: seen / cells.length,
    place: [third(Math.floor(best / across), rows), third(best % across, columns)],
  };
}
