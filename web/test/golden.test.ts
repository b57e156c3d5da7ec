/** The page's own arithmetic against numbers from Python (`tests/web/golden.py`), equal bit for bit. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { probability, verdict } from "../src/core/calibration";
import { layTiles, summary } from "../src/core/cam";
import type { Calibration, InputRule } from "../src/core/card";
import { DIVERGING } from "../src/core/colour";
import { encodeJpeg } from "../src/core/jpeg_encode";
import { type Anchor, npr, poolExtreme, scaleLimit } from "../src/core/npr";
import { resizeBy } from "../src/core/resample";
import { cut, type Pixels, pool, repeatTo, tileOrigins } from "../src/core/tiles";
import { decodePng } from "../src/decode/png";

type Size = [height: number, width: number];

interface Golden {
  picture: { size: Size; sha256: string };
  tiles: { rule: InputRule; size: Size; budget: number | null; origins: Size[] }[];
  repeat: { size: Size; side: number; grid: number; sha256: string }[];
  pool: { logits: number[]; pooling: InputRule["pooling"]; value: number }[];
  calibration: { card: Calibration; rows: [number, number, ...string[]][] };
  colours: number[][];
  npr: { block: number; anchor: Anchor; channel: number; sha256: string; pooled: string; limit: number }[];
  cam: { size: Size; tile: number; grid: number; unit: number; shape: Size; sha256: string }[];
  jpeg: { size: Size; quality: number; sha256: string }[];
  resize: { size: Size; sha256: string; to: Size }[];
  png: { name: string; data: string; pixels: string; size: Size; notes: string[] }[];
}

const golden = JSON.parse(readFileSync(new URL("golden.json", import.meta.url), "utf8")) as Golden;
const rule: InputRule = { tile: 256, grid: 8, budget: 9, pooling: "mean" };

function picture([height, width]: Size): Pixels {
  const data = new Uint8Array(height * width * 3);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++, at++) {
        const grain = (x * 73 + y * 151 + c * 199 + ((x * y) % 97) * 31) % 23;
        const wave = Math.abs(((x * 3 + y * 5 + c * 40) % 400) - 200);
        data[at] = wave + grain + ((Math.floor(x / 9) + Math.floor(y / 7)) % 2) * 25;
      }
    }
  }
  return { data, width, height };
}

function sha(data: Uint8Array | Float32Array): string {
  return createHash("sha256").update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)).digest("hex");
}

test("both sides draw the same picture", () => {
  expect(sha(picture(golden.picture.size).data)).toBe(golden.picture.sha256);
});

test.each(golden.tiles)("tiles of $size with a budget of $budget", ({ rule, size: [height, width], budget, origins }) => {
  expect(tileOrigins(height, width, rule, budget)).toEqual(origins);
});

test.each(golden.repeat)("repetition of $size to $side on a grid of $grid", ({ size, side, grid, sha256 }) => {
  expect(sha(repeatTo(picture(size), side, grid).data)).toBe(sha256);
});

test.each(golden.pool)("$pooling of $logits", ({ logits, pooling, value }) => {
  expect(pool(logits, { ...rule, pooling })).toBeCloseTo(value, 12);
});

describe("calibration", () => {
  const { card, rows } = golden.calibration;
  test.each(rows)("logit %d", (logit, expected, ...verdicts) => {
    expect(probability(logit, card)).toBeCloseTo(expected, 14);
    // JSON keeps the order of keys that are no whole numbers
    expect(Object.keys(card.thresholds).map((fpr) => verdict(logit, card, fpr))).toEqual(verdicts);
  });
});

test("colour map", () => {
  expect(Array.from(DIVERGING)).toEqual(golden.colours.flat());
});

test.each(golden.npr)("NPR, block $block, anchor $anchor", ({ block, anchor, channel, sha256, pooled, limit }) => {
  const values = npr(picture([37, 53]), channel, block, anchor);
  expect(sha(values.map((value) => value + 0))).toBe(sha256);
  expect(sha(poolExtreme(values, 53, 37, 4))).toBe(pooled);
  expect(scaleLimit(values, 95, 1)).toBeCloseTo(limit, 5);
});

test.each(golden.cam)("map of $size from tiles of $tile", ({ size, tile, grid, unit, shape, sha256 }) => {
  const padded = repeatTo(picture(size), tile, grid);
  const side = tile / 8;
  const origins = tileOrigins(...size, { ...rule, tile, grid }, null);
  const maps = origins.map((origin) => {
    const pixels = cut(padded, origin, tile);
    const cells = Float32Array.from({ length: side * side }, (_, i) => {
      return pixels[(Math.floor(i / side) * 8 * tile + (i % side) * 8) * 3] / 2;
    });
    return { origin, logit: 0, cells, side };
  });
  const map = layTiles(maps, tile, ...size);
  expect([map.unit, map.rows, map.columns, map.complete]).toEqual([unit, ...shape, true]);
  expect(sha(map.cells)).toBe(sha256);
});

test("a map of some tiles says what was not looked at", () => {
  const cells = new Float32Array(16).fill(1);
  const map = layTiles([{ origin: [0, 64], logit: 0, cells, side: 4 }], 32, 96, 96);
  expect(map.complete).toBe(false);
  expect(map.cells.filter((value) => !Number.isNaN(value)).length).toBe(16);
  expect(summary(map)).toEqual({ share: 1, seen: 1 / 9, place: [0, 2] });
});

test.each(golden.jpeg)("JPEG of $size at quality $quality, byte for byte", ({ size, quality, sha256 }) => {
  expect(sha(encodeJpeg(picture(size), quality))).toBe(sha256);
});

test.each(golden.resize)("bicubic resize of $size to $to", ({ size, sha256, to }) => {
  const made = resizeBy(picture(size), 0.75);
  expect([made.height, made.width]).toEqual(to);
  expect(sha(made.data)).toBe(sha256);
});

test.each(golden.png)("PNG: $name", async ({ data, pixels, size, notes }) => {
  const said: string[] = [];
  const made = await decodePng(Uint8Array.from(Buffer.from(data, "hex")), said);
  expect([made.height, made.width]).toEqual(size);
  expect(sha(made.data)).toBe(pixels);
  expect(said.sort()).toEqual(notes.sort());
});
