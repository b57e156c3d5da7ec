/** Whether a second engine gives what WebAssembly gives: the same tiles through both, every number compared. */

import { verdict } from "../core/calibration";
import type { Calibration } from "../core/card";
import type { Scored } from "./runner";

/** Of the largest magnitude in a tile's map and logit, and of 1 where all are smaller. */
export const TOLERANCE = 1e-4;

/** The largest difference of a logit or cell, in units of the tolerance's scale. */
export interface Agreement {
  difference: number;
  /** What breaks the agreement: a number beyond `TOLERANCE`, or another verdict; null where nothing does. */
  broken: "logit" | "map" | "verdict" | null;
}

export function compare(expected: Scored, found: Scored, calibration: Calibration | null): Agreement {
  if (found.side !== expected.side) return { difference: Infinity, broken: "map" };
  const scale = expected.cells.reduce((most, cell) => Math.max(most, Math.abs(cell)), Math.max(1, Math.abs(expected.logit)));
  const apart = (a: number, b: number): number => {
    const difference = Math.abs(a - b) / scale;
    return Number.isNaN(difference) ? Infinity : difference;
  };
  const logit = apart(expected.logit, found.logit);
  const map = expected.cells.reduce((most, cell, index) => Math.max(most, apart(cell, found.cells[index])), 0);
  const difference = Math.max(logit, map);
  if (logit > TOLERANCE) return { difference, broken: "logit" };
  if (map > TOLERANCE) return { difference, broken: "map" };
  const same = !calibration || verdict(expected.logit, calibration) === verdict(found.logit, calibration);
  return { difference, broken: same ? null : "verdict" };
}

/** Tiles that every visit tries, RGB bytes: noise, noise enlarged twice, waves with edges, flat blocks, grey. */
export function tiles(side: number): Uint8Array[] {
  const noise = generator();
  const large = Uint8Array.from({ length: side * side * 3 }, noise);
  const half = Math.ceil(side / 2);
  const small = Uint8Array.from({ length: half * half * 3 }, noise);
  const blocks = Uint8Array.from({ length: Math.ceil(side / 8) ** 2 }, noise);
  return [
    large,
    drawn(side, (y, x, c) => small[((y >> 1) * half + (x >> 1)) * 3 + c]),
    drawn(side, (y, x, c) => Math.abs(((x * 3 + y * 5 + c * 40) % 400) - 200) + (((x / 9 + y / 7) | 0) % 2) * 25),
    drawn(side, (y, x, c) => blocks[(y >> 3) * Math.ceil(side / 8) + (x >> 3)] - c * 3),
    drawn(side, () => 127),
  ];
}

function drawn(side: number, at: (y: number, x: number, c: number) => number): Uint8Array {
  const tile = new Uint8Array(side * side * 3);
  for (let index = 0; index < tile.length; index++) {
    const pixel = (index / 3) | 0;
    tile[index] = at((pixel / side) | 0, pixel % side, index % 3);
  }
  return tile;
}

/** Bytes of a linear congruential generator (Numerical Recipes' constants): the same on every visit. */
function generator(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  };
}
