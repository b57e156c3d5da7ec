/** Formats by their first bytes, as `upprint._decoders.sniff`; a file's name says nothing. */

const SIGNATURES: readonly [string, string][] = [
  ["\xff\xd8\xff", "JPEG"],
  ["\x89PNG\r\n\x1a\n", "PNG"],
  ["GIF87a", "GIF"],
  ["GIF89a", "GIF"],
  ["II*\0", "TIFF"],
  ["MM\0*", "TIFF"],
  ["II+\0", "TIFF"],
  ["MM\0+", "TIFF"],
  ["\xff\x0a", "JPEG XL"],
  ["\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"],
  ["\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"],
  ["\xff\x4f\xff\x51", "JPEG 2000"],
  ["8BPS", "Photoshop"],
  ["v/1\x01", "OpenEXR"],
];
const HEAD = 64;
const BMP_HEADERS = [12, 16, 40, 52, 56, 64, 108, 124];
const AVIF = ["avif", "avis"];
const HEIF = ["heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs"];

export const READ = ["JPEG", "PNG", "WebP", "GIF", "TIFF", "BMP", "AVIF", "HEIF"];

const SUFFIXES: Record<string, string> = {
  JPEG: "jpg jpeg jpe jfif mpo",
  PNG: "png apng",
  WebP: "webp",
  GIF: "gif",
  TIFF: "tif tiff",
  BMP: "bmp dib",
  AVIF: "avif avifs",
  HEIF: "heic heics heif heifs hif",
};
const FORMAT_OF = new Map(
  Object.entries(SUFFIXES).flatMap(([kind, list]) => list.split(" ").map((suffix) => [suffix, kind] as const)),
);

/** Bytes as a string of code points 0..255. */
export function latin1(data: Uint8Array, from = 0, to = data.length): string {
  let text = "";
  for (let at = from; at < Math.min(to, data.length); at += 8192) {
    text += String.fromCharCode(...data.subarray(at, Math.min(at + 8192, to)));
  }
  return text;
}

/** The format that the first bytes announce; some that are named but not read are among them. */
export function sniff(data: Uint8Array): string | null {
  const head = latin1(data, 0, HEAD);
  for (const [signature, kind] of SIGNATURES) if (head.startsWith(signature)) return kind;
  if (head.startsWith("RIFF") && head.slice(8, 12) === "WEBP") return "WebP";
  if (head.startsWith("BM") && data.length >= 18 && BMP_HEADERS.includes(u32le(data, 14))) return "BMP";
  if (head.slice(4, 8) === "ftyp") {
    const brands = [head.slice(8, 12)];
    for (let at = 16; at < Math.min(u32be(data, 0), HEAD); at += 4) brands.push(head.slice(at, at + 4));
    if (["mif1", "msf1"].includes(brands[0])) return brands.some((b) => AVIF.includes(b)) ? "AVIF" : "HEIF";
    return AVIF.includes(brands[0]) ? "AVIF" : HEIF.includes(brands[0]) ? "HEIF" : null;
  }
  return null;
}

/** A note where the name announces another format than the file holds. */
export function misnamed(name: string, kind: string): string[] {
  const suffix = /\.([^./\\]+)$/.exec(name)?.[1];
  const named = suffix === undefined ? undefined : FORMAT_OF.get(suffix.toLowerCase());
  return named !== undefined && named !== kind ? [`named .${suffix} but holds ${kind}`] : [];
}

export function u16be(data: Uint8Array, at: number): number {
  return (data[at] << 8) | data[at + 1];
}

export function u32be(data: Uint8Array, at: number): number {
  return ((data[at] << 24) | (data[at + 1] << 16) | (data[at + 2] << 8) | data[at + 3]) >>> 0;
}

export function u32le(data: Uint8Array, at: number): number {
  return ((data[at + 3] << 24) | (data[at + 2] << 16) | (data[at + 1] << 8) | data[at]) >>> 0;
}
