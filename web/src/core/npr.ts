/** NPR maps (Tan et al., CVPR 2024, Eq. 4) of one colour channel, as `upprint.explain.maps`. */

import type { Pixels } from "./tiles";

export type Anchor = number | "mean" | "max";

/** Every sample minus the anchor of its own block, in grey levels; `anchor` 1..block², row-major. */
export function npr(pixels: Pixels, channel: number, block: number, anchor: Anchor): Float32Array {
  const { data, width, height } = pixels;
  const out = new Float32Array(width * height);
  const down = typeof anchor === "number" ? Math.floor((anchor - 1) / block) : 0;
  const right = typeof anchor === "number" ? (anchor - 1) % block : 0;
  for (let top = 0; top < height; top += block) {
    const bottom = Math.min(top + block, height);
    for (let left = 0; left < width; left += block) {
      const end = Math.min(left + block, width);
      let reference: number;
      if (typeof anchor === "number") {
        const row = Math.min(top + down, height - 1);
        reference = data[(row * width + Math.min(left + right, width - 1)) * 3 + channel];
      } else {
        let total = 0;
        let most = 0;
        for (let y = top; y < bottom; y++) {
          for (let x = left; x < end; x++) {
            const value = data[(y * width + x) * 3 + channel];
            total += value;
            most = Math.max(most, value);
          }
        }
        reference = anchor === "max" ? most : Math.fround(total / ((bottom - top) * (end - left)));
      }
      for (let y = top; y < bottom; y++) {
        for (let x = left; x < end; x++) out[y * width + x] = data[(y * width + x) * 3 + channel] - reference;
      }
    }
  }
  return out;
}

/** Reduce a map by keeping, of every factor x factor square, the value of largest magnitude, signed. */
export function poolExtreme(values: Float32Array, width: number, height: number, factor: number): Float32Array {
  if (factor === 1) return values;
  const columns = Math.ceil(width / factor);
  const out = new Float32Array(columns * Math.ceil(height / factor));
  for (let y = 0; y < height; y++) {
    const line = Math.floor(y / factor) * columns;
    for (let x = 0; x < width; x++) {
      const at = line + Math.floor(x / factor);
      const value = values[y * width + x];
      const size = Math.abs(value) - Math.abs(out[at]);
      if (size > 0 || (size === 0 && value > 0)) out[at] = value;
    }
  }
  return out;
}

/** A percentile of the magnitudes by linear interpolation, as `numpy.percentile`, at least `least`. */
export function scaleLimit(values: Float32Array, percentile: number, least: number): number {
  const sorted = values.map(Math.abs).sort();
  const position = ((sorted.length - 1) * percentile) / 100;
  const low = Math.floor(position);
  const high = Math.min(low + 1, sorted.length - 1);
  return Math.max(least, sorted[low] + (sorted[high] - sorted[low]) * (position - low));
}

/** The next round number not below a positive limit. */
export function niceLimit(limit: number): number {
  const power = 10 ** Math.floor(Math.log10(limit));
  const step = [1, 1.5, 2, 3, 4, 5, 6, 8].find((s) => limit <= s * power * (1 + 1e-9));
  return (step ?? 10) * power;
}
