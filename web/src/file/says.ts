/**
 * What the file says about itself, read only where a valid container puts it: a PNG chunk whose CRC holds, a
 * JPEG segment, a RIFF chunk, an ISO box. Bytes that merely occur somewhere in the file mean nothing.
 */

import { jpegHeader } from "../decode/jpeg_header";
import { pngChunks } from "../decode/png";
import { latin1 } from "../decode/sniff";
import { riffChunks } from "../decode/webp_chunks";
import { exifTexts } from "./exif";
import { hasManifestStore, isoManifest, jpegManifest } from "./jumbf";
import { inflateText, latin1Text, utf8 } from "./text";
import { readXmp } from "./xmp";

export interface Statement {
  source: "exif" | "xmp" | "text";
  /** The tag's, property's or keyword's own name. */
  name: string;
  value: string;
}

const LONGEST = 2000;
const XMP_JPEG = "http://ns.adobe.com/xap/1.0/\0";

interface Parts {
  exif: Uint8Array | null;
  xmp: string | null;
  texts: [string, string][];
  c2pa: boolean;
}

/** Statements, and whether there is a C2PA manifest, which `c2pa.ts` reads. */
export async function whatFileSays(
  data: Uint8Array, format: string,
): Promise<{ statements: Statement[]; manifest: boolean }> {
  const parts = await partsOf(data, format);
  const said: Statement[] = [];
  if (parts.xmp) for (const [name, value] of readXmp(parts.xmp)) said.push({ source: "xmp", name, value });
  if (parts.exif) for (const [name, value] of exifTexts(parts.exif)) said.push({ source: "exif", name, value });
  for (const [name, value] of parts.texts) said.push({ source: "text", name, value });
  const statements = said.map((one) => ({ ...one, value: shorten(one.value) })).filter((one) => one.value !== "");
  return { statements, manifest: parts.c2pa };
}

function shorten(text: string): string {
  const clean = text.replace(/[\0-\x08\x0b-\x1f\x7f]+/g, " ").trim();
  return clean.length > LONGEST ? `${clean.slice(0, LONGEST)} …` : clean;
}

async function partsOf(data: Uint8Array, format: string): Promise<Parts> {
  if (format === "JPEG") return fromJpeg(data);
  if (format === "PNG") return fromPng(data);
  if (format === "WebP") return fromWebp(data);
  const c2pa = (format === "AVIF" || format === "HEIF") && isoManifest(data);
  return { exif: null, xmp: null, texts: [], c2pa };
}

function fromJpeg(data: Uint8Array): Parts {
  const { segments, exif } = jpegHeader(data);
  const packet = segments.find((s) => s.code === 0xe1 && latin1(s.payload, 0, XMP_JPEG.length) === XMP_JPEG);
  const texts = segments
    .filter((s) => s.code === 0xfe)
    .map((s): [string, string] => ["Comment", utf8(s.payload)]);
  const boxes = segments.filter((s) => s.code === 0xeb).map((s) => s.payload);
  return { exif, xmp: packet ? utf8(packet.payload.subarray(XMP_JPEG.length)) : null, texts, c2pa: jpegManifest(boxes) };
}

async function fromPng(data: Uint8Array): Promise<Parts> {
  const parts: Parts = { exif: null, xmp: null, texts: [], c2pa: false };
  for (const { name, payload, sound } of pngChunks(data)) {
    if (!sound) continue;
    if (name === "eXIf") parts.exif = payload;
    else if (name === "caBX") parts.c2pa ||= hasManifestStore(payload);
    else if (name === "tEXt" || name === "zTXt" || name === "iTXt") {
      const text = await pngText(name, payload);
      if (!text) continue;
      if (text[0] === "XML:com.adobe.xmp") parts.xmp = text[1];
      else if (!text[0].startsWith("Raw profile type")) parts.texts.push(text);
    }
  }
  return parts;
}

/** Keyword and text of a textual chunk (section 11.3.3); null where it is broken. */
async function pngText(name: string, payload: Uint8Array): Promise<[string, string] | null> {
  const end = payload.indexOf(0);
  if (end < 1 || end > 79) return null;
  const keyword = latin1(payload, 0, end);
  if (name === "tEXt") return [keyword, latin1Text(payload.subarray(end + 1))];
  if (name === "zTXt") {
    const body = payload[end + 1] === 0 ? await inflateText(payload.subarray(end + 2)) : null;
    return body && [keyword, latin1Text(body)];
  }
  const language = payload.indexOf(0, end + 3);
  const translated = language < 0 ? -1 : payload.indexOf(0, language + 1);
  if (translated < 0) return null;
  const body = payload.subarray(translated + 1);
  const plain = payload[end + 1] === 1 ? await inflateText(body) : body;
  return plain && [keyword, utf8(plain)];
}

function fromWebp(data: Uint8Array): Parts {
  const chunks = riffChunks(data);
  const find = (name: string): Uint8Array | null => chunks.find((chunk) => chunk.name === name)?.payload ?? null;
  const [xmp, c2pa] = [find("XMP "), find("C2PA")];
  return { exif: find("EXIF"), xmp: xmp && utf8(xmp), texts: [], c2pa: c2pa !== null && hasManifestStore(c2pa) };
}

