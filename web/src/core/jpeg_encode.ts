/**
 * Baseline JPEG, 4:2:0, byte for byte what Pillow writes at the same quality: libjpeg's colour conversion,
 * chroma averaging, accurate integer DCT (Loeffler, Ligtenberg and Moschytz 1989), quantisation and the
 * Huffman tables of ISO/IEC 10918-1 Annex K. So "re-saved at quality 85" means here what it means in Python.
 */

import type { Pixels } from "./tiles";

const ZIGZAG = Uint8Array.from([
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
  28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
  47, 55, 62, 63,
]);
const LUMA = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
  87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
  72, 92, 95, 98, 112, 100, 103, 99,
];
const CHROMA = [
  17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99,
  99, 99, 99, ...Array<number>(32).fill(99),
];

const DC_VALUES = Array.from({ length: 12 }, (_, index) => index);
const DC_COUNTS = [
  [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
  [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0],
];
const AC_COUNTS = [
  [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d],
  [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77],
];
const fromHex = (text: string): number[] => (text.match(/../g) ?? []).map((pair) => parseInt(pair, 16));
const AC_VALUES = [
  fromHex(
    "0102030004110512213141061351610722711432" +
      "8191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a434445464748494a535455565758595a" +
      "636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9ba" +
      "c2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa",
  ),
  fromHex(
    "0001020311040521310612415107617113223281" +
      "08144291a1b1c109233352f0156272d10a162434e125f11718191a262728292a35363738393a434445464748494a535455565758595a" +
      "636465666768696a737475767778797a82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9ba" +
      "c2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa",
  ),
];

interface Huffman {
  codes: Uint16Array;
  sizes: Uint8Array;
}

function huffman(counts: number[], values: number[]): Huffman {
  const codes = new Uint16Array(256);
  const sizes = new Uint8Array(256);
  let code = 0;
  let at = 0;
  counts.forEach((count, index) => {
    for (let k = 0; k < count; k++, code++, at++) {
      codes[values[at]] = code;
      sizes[values[at]] = index + 1;
    }
    code <<= 1;
  });
  return { codes, sizes };
}

const DC = DC_COUNTS.map((counts) => huffman(counts, DC_VALUES));
const AC = AC_COUNTS.map((counts, index) => huffman(counts, AC_VALUES[index]));

function quantisation(base: number[], quality: number): Int32Array {
  const scale = quality < 50 ? Math.floor(5000 / quality) : 200 - quality * 2;
  return Int32Array.from(base, (value) => Math.min(255, Math.max(1, Math.floor((value * scale + 50) / 100))));
}

/** A component's samples, padded to whole blocks as libjpeg pads them. */
interface Plane {
  data: Uint8Array;
  width: number;
  columns: number;
  rows: number;
}

/** Encode RGB at an IJG quality 1..100. */
export function encodeJpeg(pixels: Pixels, quality: number): Uint8Array<ArrayBuffer> {
  const tables = [quantisation(LUMA, quality), quantisation(CHROMA, quality)];
  const writer = new Writer(pixels.width * pixels.height);
  header(writer, pixels, tables);
  const [luma, ...chroma] = planes(pixels);
  const previous = [0, 0, 0];
  const block = new Int32Array(64);
  const put = (plane: Plane, component: number, row: number, column: number): void => {
    const kind = component ? 1 : 0;
    if (row < plane.rows && column < plane.columns) {
      load(plane, row, column, block);
      forwardDct(block);
      quantise(block, tables[kind]);
    } else {
      block.fill(0); // beyond the picture: only the previous block's mean, which costs nothing
      block[0] = previous[component];
    }
    writeBlock(writer, block, previous[component], DC[kind], AC[kind]);
    previous[component] = block[0];
  };
  for (let row = 0; row < chroma[0].rows; row++) {
    for (let column = 0; column < chroma[0].columns; column++) {
      for (let k = 0; k < 4; k++) put(luma, 0, row * 2 + (k >> 1), column * 2 + (k & 1));
      chroma.forEach((plane, index) => put(plane, index + 1, row, column));
    }
  }
  return writer.finish();
}

function planes({ data, width, height }: Pixels): Plane[] {
  const make = (w: number, h: number): Plane => {
    const columns = Math.ceil(w / 8);
    const rows = Math.ceil(h / 8);
    return { data: new Uint8Array(columns * rows * 64), width: columns * 8, columns, rows };
  };
  const luma = make(width, height);
  const [half, halfRows] = [Math.ceil(width / 2), Math.ceil(height / 2)];
  const chroma = [make(half, halfRows), make(half, halfRows)];
  const padded = Math.max(luma.width, chroma[0].width * 2);
  const full = [0, 1].map(() => [new Uint8Array(padded), new Uint8Array(padded)]); // cb, cr of two lines
  for (let y = 0; y < halfRows * 2; y++) {
    const from = Math.min(y, height - 1) * width * 3;
    for (let x = 0; x < width; x++) {
      const i = from + x * 3;
      const [r, g, b] = [data[i], data[i + 1], data[i + 2]];
      if (y < height) luma.data[y * luma.width + x] = (19595 * r + 38470 * g + 7471 * b + 32768) >> 16;
      full[0][y & 1][x] = (-11059 * r - 21709 * g + 32768 * b + 8421375) >> 16;
      full[1][y & 1][x] = (32768 * r - 27439 * g - 5329 * b + 8421375) >> 16;
    }
    if (y < height) {
      const line = y * luma.width;
      luma.data.fill(luma.data[line + width - 1], line + width, line + luma.width);
    }
    for (const pair of full) pair[y & 1].fill(pair[y & 1][width - 1], width);
    if (y & 1) chroma.forEach((plane, index) => average(plane, y >> 1, full[index][0], full[index][1]));
  }
  for (const [plane, lines] of [[luma, height], [chroma[0], halfRows], [chroma[1], halfRows]] as const) {
    const last = plane.data.subarray((lines - 1) * plane.width, lines * plane.width);
    for (let y = lines; y < plane.rows * 8; y++) plane.data.set(last, y * plane.width);
  }
  return [luma, ...chroma];
}

function average(plane: Plane, row: number, above: Uint8Array, below: Uint8Array): void {
  const line = row * plane.width;
  for (let x = 0, bias = 1; x < plane.width; x++, bias ^= 3) {
    const i = x * 2;
    plane.data[line + x] = (above[i] + above[i + 1] + below[i] + below[i + 1] + bias) >> 2;
  }
}

function load(plane: Plane, row: number, column: number, block: Int32Array): void {
  for (let y = 0, at = 0; y < 8; y++) {
    const from = (row * 8 + y) * plane.width + column * 8;
    for (let x = 0; x < 8; x++) block[at++] = plane.data[from + x] - 128;
  }
}

/** libjpeg's accurate integer DCT: 13 bits of constants, 2 extra bits after the first pass. */
function forwardDct(d: Int32Array): void {
  pass(d, 1, 8, true);
  pass(d, 8, 1, false);
}

function pass(d: Int32Array, step: number, next: number, first: boolean): void {
  const shift = first ? 11 : 15;
  const half = 1 << (shift - 1);
  for (let k = 0, i = 0; k < 8; k++, i += next) {
    const s = step;
    let t0 = d[i] + d[i + 7 * s];
    let t7 = d[i] - d[i + 7 * s];
    let t1 = d[i + s] + d[i + 6 * s];
    let t6 = d[i + s] - d[i + 6 * s];
    let t2 = d[i + 2 * s] + d[i + 5 * s];
    let t5 = d[i + 2 * s] - d[i + 5 * s];
    const t3 = d[i + 3 * s] + d[i + 4 * s];
    let t4 = d[i + 3 * s] - d[i + 4 * s];
    const t13 = t0 - t3;
    const t12 = t1 - t2;
    t0 += t3;
    t1 += t2;
    d[i] = first ? (t0 + t1) << 2 : (t0 + t1 + 2) >> 2;
    d[i + 4 * s] = first ? (t0 - t1) << 2 : (t0 - t1 + 2) >> 2;
    t2 = (t12 + t13) * 4433;
    d[i + 2 * s] = (t2 + t13 * 6270 + half) >> shift;
    d[i + 6 * s] = (t2 - t12 * 15137 + half) >> shift;
    const z5 = (t4 + t6 + t5 + t7) * 9633;
    const z1 = (t4 + t7) * -7373;
    const z2 = (t5 + t6) * -20995;
    const z3 = (t4 + t6) * -16069 + z5;
    const z4 = (t5 + t7) * -3196 + z5;
    t4 *= 2446;
    t5 *= 16819;
    t6 *= 25172;
    t7 *= 12299;
    d[i + 7 * s] = (t4 + z1 + z3 + half) >> shift;
    d[i + 5 * s] = (t5 + z2 + z4 + half) >> shift;
    d[i + 3 * s] = (t6 + z2 + z3 + half) >> shift;
    d[i + s] = (t7 + z1 + z4 + half) >> shift;
  }
}

function quantise(block: Int32Array, table: Int32Array): void {
  for (let i = 0; i < 64; i++) {
    const divisor = table[i] << 3;
    const value = block[i];
    const size = Math.floor(((value < 0 ? -value : value) + (divisor >> 1)) / divisor);
    block[i] = value < 0 ? -size : size;
  }
}

class Writer {
  private bytes: Uint8Array<ArrayBuffer>;
  private at = 0;
  private held = 0;
  private free = 32;

  constructor(expected: number) {
    this.bytes = new Uint8Array(expected + 4096);
  }

  raw(values: ArrayLike<number>): void {
    this.room(values.length);
    this.bytes.set(values, this.at);
    this.at += values.length;
  }

  segment(marker: number, payload: number[]): void {
    const length = payload.length + 2;
    this.raw([0xff, marker, length >> 8, length & 255, ...payload]);
  }

  bits(value: number, size: number): void {
    if (size > this.free) {
      const rest = size - this.free;
      this.held |= value >>> rest;
      this.flush(4);
      value &= (1 << rest) - 1;
      size = rest;
    }
    this.free -= size;
    this.held |= this.free < 32 ? value << this.free : 0;
  }

  private flush(count: number): void {
    this.room(8);
    for (let k = 0; k < count; k++) {
      const byte = (this.held >>> (24 - 8 * k)) & 255;
      this.bytes[this.at++] = byte;
      if (byte === 255) this.bytes[this.at++] = 0;
    }
    this.held = 0;
    this.free = 32;
  }

  finish(): Uint8Array<ArrayBuffer> {
    const open = this.free % 8;
    if (open) this.bits((1 << open) - 1, open);
    this.flush((32 - this.free) / 8);
    this.raw([0xff, 0xd9]);
    return this.bytes.slice(0, this.at);
  }

  private room(count: number): void {
    if (this.at + count <= this.bytes.length) return;
    const larger = new Uint8Array(this.bytes.length * 2 + count);
    larger.set(this.bytes);
    this.bytes = larger;
  }
}

function header(writer: Writer, { width, height }: Pixels, tables: Int32Array[]): void {
  writer.raw([0xff, 0xd8]);
  writer.segment(0xe0, [0x4a, 0x46, 0x49, 0x46, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0]);
  tables.forEach((table, index) => writer.segment(0xdb, [index, ...Array.from(ZIGZAG, (i) => table[i])]));
  const size = [height >> 8, height & 255, width >> 8, width & 255];
  writer.segment(0xc0, [8, ...size, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
  for (const kind of [0, 1]) {
    writer.segment(0xc4, [kind, ...DC_COUNTS[kind], ...DC_VALUES]);
    writer.segment(0xc4, [0x10 | kind, ...AC_COUNTS[kind], ...AC_VALUES[kind]]);
  }
  writer.segment(0xda, [3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]);
}

function writeBlock(writer: Writer, block: Int32Array, previous: number, dc: Huffman, ac: Huffman): void {
  const difference = block[0] - previous;
  const size = 32 - Math.clz32(Math.abs(difference));
  writer.bits(dc.codes[size], dc.sizes[size]);
  if (size) writer.bits(magnitude(difference, size), size);
  let zeros = 0;
  for (let k = 1; k < 64; k++) {
    const value = block[ZIGZAG[k]];
    if (value === 0) {
      zeros++;
      continue;
    }
    for (; zeros > 15; zeros -= 16) writer.bits(ac.codes[0xf0], ac.sizes[0xf0]);
    const bits = 32 - Math.clz32(Math.abs(value));
    const symbol = (zeros << 4) | bits;
    writer.bits(ac.codes[symbol], ac.sizes[symbol]);
    writer.bits(magnitude(value, bits), bits);
    zeros = 0;
  }
  if (zeros) writer.bits(ac.codes[0], ac.sizes[0]);
}

function magnitude(value: number, size: number): number {
  return value < 0 ? value + (1 << size) - 1 : value;
}
