/**
 * PNG (W3C Portable Network Graphics, third edition), to Pillow's pixels: of 16-bit samples the high byte,
 * palettes looked up, transparency on white. Inflating is the browser's.
 */

import { checkSize, corrupt } from "../core/errors";
import type { Pixels } from "../core/tiles";
import { crc32 } from "./crc";
import { exifOrientation, onWhite, turned } from "./orient";
import { latin1, u16be, u32be } from "./sniff";

export interface PngChunk {
  name: string;
  payload: Uint8Array;
  sound: boolean;
}

const CHANNELS: Record<number, number> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const DEPTHS: Record<number, number[]> = { 0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16] };
const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];

/** All chunks up to IEND or the end of the data; `sound` says whether the CRC holds (IDAT's is not read). */
export function pngChunks(data: Uint8Array): PngChunk[] {
  const chunks: PngChunk[] = [];
  for (let at = 8; at + 12 <= data.length; ) {
    const end = at + 12 + u32be(data, at);
    const name = latin1(data, at + 4, at + 8);
    const complete = end <= data.length;
    const payload = data.subarray(at + 8, complete ? end - 4 : data.length);
    const sound = complete && (name === "IDAT" || crc32(data.subarray(at + 4, end - 4)) === u32be(data, end - 4));
    chunks.push({ name, payload, sound });
    if (name === "IEND") break;
    at = end;
  }
  return chunks;
}

interface Layout {
  width: number;
  height: number;
  depth: number;
  colour: number;
  channels: number;
  interlaced: boolean;
}

export async function decodePng(data: Uint8Array, notes: string[]): Promise<Pixels> {
  const chunks = pngChunks(data);
  const layout = header(chunks[0]);
  checkSize(layout.width, layout.height);
  const find = (name: string): Uint8Array | null => chunks.find((c) => c.name === name && c.sound)?.payload ?? null;
  const frames = find("acTL");
  if (frames && frames.length >= 8 && u32be(frames, 0) > 1) notes.push(`first of ${u32be(frames, 0)} frames`);
  const parts = chunks.filter((chunk) => chunk.name === "IDAT").map((chunk) => chunk.payload);
  const samples = await rawSamples(parts, layout);
  if (layout.depth === 16) notes.push("16-bit samples: high byte kept");
  const pixels = toRgb(samples, layout, find("PLTE"), find("tRNS"), notes);
  return turned(pixels, exifOrientation(find("eXIf") ?? rawProfile(chunks), notes), notes);
}

function header(chunk: PngChunk | undefined): Layout {
  if (chunk?.name !== "IHDR" || !chunk.sound || chunk.payload.length < 13) throw corrupt("PNG", "a broken header");
  const [depth, colour, compression, filter, interlace] = chunk.payload.subarray(8);
  const layout = {
    width: u32be(chunk.payload, 0),
    height: u32be(chunk.payload, 4),
    depth,
    colour,
    channels: CHANNELS[colour],
    interlaced: interlace === 1,
  };
  if (!DEPTHS[colour]?.includes(depth) || compression || filter || interlace > 1) {
    throw corrupt("PNG", `colour type ${colour} of ${depth} bits`);
  }
  if (layout.width === 0 || layout.height === 0) throw corrupt("PNG", "no pixels");
  return layout;
}

/** The stored samples, one byte each (the high one of 16 bits; unscaled below 8), except grey of 16 bits: two. */
async function rawSamples(parts: Uint8Array[], layout: Layout): Promise<Uint8Array> {
  const { width, height, depth, channels } = layout;
  const passes = layout.interlaced ? ADAM7 : [[0, 0, 1, 1]];
  const bits = depth * channels;
  const sizes = passes.map(([x, y, dx, dy]) => {
    const w = Math.ceil((width - x) / dx);
    const h = Math.ceil((height - y) / dy);
    return w > 0 && h > 0 ? { w, h, line: Math.ceil((w * bits) / 8) } : { w: 0, h: 0, line: 0 };
  });
  const total = sizes.reduce((sum, { h, line }) => sum + h * (line + 1), 0);
  const stream = await inflate(parts, total);
  const keep = keptBytes(layout);
  const out = new Uint8Array(width * height * keep);
  let at = 0;
  passes.forEach(([x0, y0, dx, dy], index) => {
    const { w, h, line } = sizes[index];
    unfilter(stream, at, line, h, Math.max(1, bits >> 3));
    for (let y = 0; y < h; y++) {
      const from = at + y * (line + 1) + 1;
      const to = ((y0 + y * dy) * width + x0) * keep;
      spreadLine(stream, from, w, layout, out, to, dx * keep);
    }
    at += h * (line + 1);
  });
  return out;
}

const keptBytes = ({ depth, colour, channels }: Layout): number => (depth === 16 && colour === 0 ? 2 : channels);

function spreadLine(
  line: Uint8Array, from: number, count: number, layout: Layout, out: Uint8Array, to: number, step: number,
): void {
  const { depth, channels, colour } = layout;
  if (depth >= 8) {
    const keep = keptBytes(layout);
    const stride = depth === 16 && colour !== 0 ? 2 : 1;
    for (let x = 0; x < count; x++, to += step) {
      for (let c = 0; c < keep; c++, from += stride) out[to + c] = line[from];
    }
    return;
  }
  const mask = (1 << depth) - 1;
  for (let x = 0; x < count * channels; x++, to += step) {
    const bit = x * depth;
    out[to] = (line[from + (bit >> 3)] >> (8 - depth - (bit & 7))) & mask;
  }
}

async function inflate(parts: Uint8Array[], total: number): Promise<Uint8Array> {
  const source = new ReadableStream<BufferSource>({
    start(controller) {
      for (const part of parts) controller.enqueue(part as Uint8Array<ArrayBuffer>);
      controller.close();
    },
  });
  const reader = source.pipeThrough(new DecompressionStream("deflate")).getReader();
  const out = new Uint8Array(total);
  let at = 0;
  try {
    while (at < total) {
      const { done, value } = await reader.read();
      if (done) break;
      out.set(value.subarray(0, total - at), at);
      at += value.length;
    }
  } catch (error) {
    if (at < total) throw corrupt("PNG", error instanceof Error ? error.message : String(error));
  }
  reader.cancel().catch(() => undefined); // what follows the last row is not needed
  if (at < total) throw corrupt("PNG", "the picture's data end early");
  return out;
}

/** Undo the five filters of section 9, in place. */
function unfilter(data: Uint8Array, start: number, line: number, rows: number, back: number): void {
  for (let y = 0; y < rows; y++) {
    const kind = data[start + y * (line + 1)];
    const at = start + y * (line + 1) + 1;
    const up = y === 0 ? -1 : at - line - 1;
    if (kind === 1) {
      for (let i = back; i < line; i++) data[at + i] += data[at + i - back];
    } else if (kind === 2 && up >= 0) {
      for (let i = 0; i < line; i++) data[at + i] += data[up + i];
    } else if (kind === 3) {
      for (let i = 0; i < line; i++) {
        data[at + i] += ((i < back ? 0 : data[at + i - back]) + (up < 0 ? 0 : data[up + i])) >> 1;
      }
    } else if (kind === 4) {
      for (let i = 0; i < line; i++) {
        const a = i < back ? 0 : data[at + i - back];
        const b = up < 0 ? 0 : data[up + i];
        const c = i < back || up < 0 ? 0 : data[up + i - back];
        const p = a + b - c;
        const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
        data[at + i] += pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
      }
    } else if (kind > 4) {
      throw corrupt("PNG", `filter ${kind}`);
    }
  }
}

function toRgb(
  samples: Uint8Array, layout: Layout, palette: Uint8Array | null, key: Uint8Array | null, notes: string[],
): Pixels {
  const { width, height, depth, colour } = layout;
  const count = width * height;
  if (colour === 2 && (!key || depth === 16)) return { data: samples, width, height };
  const rgba = new Uint8Array(count * 4).fill(255);
  if (colour === 3) {
    for (let i = 0, to = 0; i < count; i++, to += 4) {
      const entry = samples[i] * 3;
      for (let c = 0; c < 3; c++) rgba[to + c] = palette?.[entry + c] ?? 0; // black where nothing is stated
      if (key) rgba[to + 3] = key[samples[i]] ?? 255;
    }
  } else if (colour === 0 || colour === 4) {
    const scale = colour === 0 && depth < 8 ? 255 / ((1 << depth) - 1) : 1;
    const keep = keptBytes(layout);
    const wanted = colour === 0 && key && key.length >= 2 ? transparentGrey(u16be(key, 0), depth) : -1;
    for (let i = 0, from = 0, to = 0; i < count; i++, from += keep, to += 4) {
      const value = samples[from] * scale;
      rgba[to] = rgba[to + 1] = rgba[to + 2] = value;
      if (colour === 4) rgba[to + 3] = samples[from + 1];
      else if ((depth === 16 ? u16be(samples, from) : value) === wanted) rgba[to + 3] = 0;
    }
  } else if (colour === 2 && key) {
    const [r, g, b] = [0, 2, 4].map((at) => u16be(key, at));
    for (let from = 0, to = 0; to < rgba.length; from += 3, to += 4) {
      for (let c = 0; c < 3; c++) rgba[to + c] = samples[from + c];
      if (samples[from] === r && samples[from + 1] === g && samples[from + 2] === b) rgba[to + 3] = 0;
    }
  } else {
    return onWhite(samples, width, height, notes);
  }
  return onWhite(rgba, width, height, notes);
}

/** The grey value that stands for transparency, in the scale that the samples are compared in. */
function transparentGrey(value: number, depth: number): number {
  if (depth === 16) return value;
  return Math.min(255, value * (depth < 8 ? 255 / ((1 << depth) - 1) : 1));
}

/** EXIF as ImageMagick stores it in PNG: a text of hexadecimal digits. */
function rawProfile(chunks: PngChunk[]): Uint8Array | null {
  for (const { name, payload, sound } of chunks) {
    if (name !== "tEXt" || !sound) continue;
    const end = payload.indexOf(0);
    if (latin1(payload, 0, end) !== "Raw profile type exif") continue;
    const digits = latin1(payload, end + 1).split("\n").slice(3).join("").replace(/\s/g, "");
    if (digits.length % 2 || /[^0-9a-f]/i.test(digits)) return Uint8Array.of(0);
    return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  }
  return null;
}
