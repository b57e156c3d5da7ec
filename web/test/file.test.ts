/** What the file says: found where a container puts it, and nowhere else. */

import { createHash } from "node:crypto";
import { deflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { ImageError } from "../src/core/errors";
import { sha256Plain } from "../src/core/sha256";
import { toCsv } from "../src/csv";
import { crc32 } from "../src/decode/crc";
import { jpegHeader } from "../src/decode/jpeg_header";
import { exifOrientation, withoutAlpha } from "../src/decode/orient";
import { sniff } from "../src/decode/sniff";
import { type Statement, whatFileSays } from "../src/file/says";
import type { Row } from "../src/protocol";

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");
const u16 = (value: number): Buffer => Buffer.of(value >> 8, value & 255);
const u32 = (value: number): Buffer => Buffer.concat([u16(value >>> 16), u16(value & 65535)]);
const le32 = (value: number): Buffer => u32(value).reverse();

function png(...extra: [string, Buffer][]): Buffer {
  const chunk = ([name, data]: [string, Buffer]): Buffer => {
    const body = Buffer.concat([bytes(name), data]);
    return Buffer.concat([u32(data.length), body, u32(crc32(body))]);
  };
  const head = Buffer.concat([u32(1), u32(1), Buffer.of(8, 0, 0, 0, 0)]);
  const all: [string, Buffer][] = [["IHDR", head], ...extra, ["IDAT", deflateSync(Buffer.of(0, 7))], ["IEND", Buffer.alloc(0)]];
  return Buffer.concat([bytes("\x89PNG\r\n\x1a\n"), ...all.map(chunk)]);
}

function jpeg(...segments: [number, Buffer][]): Buffer {
  const segment = ([code, data]: [number, Buffer]): Buffer => Buffer.concat([Buffer.of(255, code), u16(data.length + 2), data]);
  const frame = Buffer.concat([Buffer.of(8), u16(8), u16(8), Buffer.of(1, 1, 0x11, 0)]);
  const rest: [number, Buffer][] = [[0xc0, frame], [0xda, Buffer.of(1, 1, 0, 0, 63, 0)]];
  return Buffer.concat([Buffer.of(255, 0xd8), ...[...segments, ...rest].map(segment), Buffer.of(1, 2, 3, 255, 0xd9)]);
}

function riff(...chunks: [string, Buffer][]): Buffer {
  const body = Buffer.concat(chunks.map(([name, data]) => {
    return Buffer.concat([bytes(name), le32(data.length), data, Buffer.alloc(data.length % 2)]);
  }));
  return Buffer.concat([bytes("RIFF"), le32(body.length + 4), bytes("WEBP"), body]);
}

const UUID = Buffer.from("6332706100110010800000aa00389b71", "hex");
const described = Buffer.concat([bytes("jumd"), UUID, Buffer.of(3), bytes("c2pa\0")]);
const inner = Buffer.concat([u32(described.length + 4), described]);
const jumbf = Buffer.concat([u32(inner.length + 8), bytes("jumb"), inner]);

const XMP = `<x:xmpmeta><rdf:Description xmp:CreatorTool="Some &amp; Tool">
  <Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType>
</rdf:Description></x:xmpmeta>`;

/** Little-endian EXIF with make, a sub-directory holding a comment, and a position. */
function exif(): Buffer {
  const entry = (tag: number, kind: number, count: number, value: number): Buffer =>
    Buffer.concat([u16(tag).reverse(), u16(kind).reverse(), le32(count), le32(value)]);
  const comment = bytes("ASCII\0\0\0a dog, Steps: 30");
  const directory = Buffer.concat([
    u16(3).reverse(), entry(0x010f, 2, 6, 68), entry(0x8769, 4, 1, 50), entry(0x8825, 4, 1, 0), le32(0),
  ]); // 8..50
  const sub = Buffer.concat([u16(1).reverse(), entry(0x9286, 7, comment.length, 74), le32(0)]); // 50..68
  return Buffer.concat([bytes("II*\0"), le32(8), directory, sub, bytes("Canon\0"), comment]);
}

async function says(data: Buffer, format: string): Promise<Record<string, string>> {
  const { statements, manifest } = await whatFileSays(new Uint8Array(data), format);
  const found = statements.map((one: Statement) => [`${one.source} ${one.name}`, one.value]);
  return Object.fromEntries(manifest ? [["c2pa manifest", "present"], ...found] : found);
}

const SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";

describe("PNG", () => {
  test("text, compressed text and international text", async () => {
    const found = await says(
      png(
        ["tEXt", bytes("parameters\0a cat")],
        ["zTXt", Buffer.concat([bytes("prompt\0\0"), deflateSync(bytes("{\"3\": 1}"))])],
        ["iTXt", Buffer.concat([bytes("Title\0\0\0\0\0"), Buffer.from("Größe", "utf8")])],
      ),
      "PNG",
    );
    expect(found).toEqual({ "text parameters": "a cat", "text prompt": '{"3": 1}', "text Title": "Größe" });
  });

  test("a broken checksum or stream hides a chunk", async () => {
    const broken = png(["tEXt", bytes("parameters\0a cat")]);
    broken[60] ^= 1;
    expect(await says(broken, "PNG")).toEqual({});
    expect(await says(png(["zTXt", bytes("prompt\0\0not zlib")]), "PNG")).toEqual({});
  });

  test("a manifest, and bytes that only look like one", async () => {
    expect(await says(png(["caBX", jumbf]), "PNG")).toEqual({ "c2pa manifest": "present" });
    expect(await says(Buffer.concat([png(), jumbf]), "PNG")).toEqual({});
    expect(await says(png(["tEXt", Buffer.concat([bytes("Comment\0"), jumbf])]), "PNG")).not.toHaveProperty("c2pa manifest");
    expect(await says(png(["caBX", bytes("jumbc2pa.claim")]), "PNG")).toEqual({});
    expect(await says(png(["caBX", jumbf.subarray(0, 37)]), "PNG")).toEqual({});
  });

  test("XMP as an element and as an attribute", async () => {
    const found = await says(png(["iTXt", Buffer.concat([bytes("XML:com.adobe.xmp\0\0\0\0\0"), bytes(XMP)])]), "PNG");
    expect(found).toEqual({ "xmp DigitalSourceType": SOURCE, "xmp CreatorTool": "Some & Tool" });
  });
});

describe("JPEG", () => {
  test("camera data, description, comment", async () => {
    const found = await says(
      jpeg(
        [0xe1, Buffer.concat([bytes("Exif\0\0"), exif()])],
        [0xe1, Buffer.concat([bytes("http://ns.adobe.com/xap/1.0/\0"), bytes(XMP)])],
        [0xfe, bytes("hello")],
      ),
      "JPEG",
    );
    expect(found).toEqual({
      "exif Make": "Canon", "exif UserComment": "a dog, Steps: 30", "exif GPS position": "present",
      "xmp DigitalSourceType": SOURCE, "xmp CreatorTool": "Some & Tool", "text Comment": "hello",
    });
  });

  test("a manifest in one segment, in two, and out of place", async () => {
    const part = (sequence: number, data: Buffer): [number, Buffer] => [
      0xeb, Buffer.concat([bytes("JP"), u16(1), u32(sequence), data]),
    ];
    const second = Buffer.concat([jumbf.subarray(0, 8), jumbf.subarray(30)]);
    expect(await says(jpeg(part(1, jumbf)), "JPEG")).toEqual({ "c2pa manifest": "present" });
    expect(await says(jpeg(part(2, second), part(1, jumbf.subarray(0, 30))), "JPEG")).toEqual({ "c2pa manifest": "present" });
    expect(await says(jpeg(part(1, jumbf.subarray(0, 30))), "JPEG")).toEqual({});
    expect(await says(jpeg([0xe5, jumbf]), "JPEG")).toEqual({});
    expect(await says(Buffer.concat([jpeg(), jumbf]), "JPEG")).toEqual({});
  });

  test("a header that ends early is damage", () => {
    expect(() => jpegHeader(new Uint8Array(jpeg().subarray(0, 8)))).toThrow(ImageError);
  });
});

test("WebP chunks", async () => {
  const file = riff(["VP8L", Buffer.of(0x2f, 0, 0, 0, 0)], ["EXIF", exif()], ["XMP ", bytes(XMP)], ["C2PA", jumbf]);
  const found = await says(file, "WebP");
  expect(Object.keys(found).sort()).toEqual([
    "c2pa manifest", "exif GPS position", "exif Make", "exif UserComment", "xmp CreatorTool", "xmp DigitalSourceType",
  ]);
});

test("an AVIF's manifest box", async () => {
  const box = (name: string, ...parts: Buffer[]): Buffer => {
    const body = Buffer.concat(parts);
    return Buffer.concat([u32(body.length + 8), bytes(name), body]);
  };
  const type = box("ftyp", bytes("avif"), u32(0), bytes("avifmif1"));
  const id = Buffer.from("d8fec3d61b0e483c92975828877ec481", "hex");
  const store = box("uuid", id, u32(0), bytes("manifest\0"), Buffer.alloc(8), jumbf);
  expect(sniff(new Uint8Array(type))).toBe("AVIF");
  expect(await says(Buffer.concat([type, store, box("mdat", bytes("x"))]), "AVIF")).toEqual({ "c2pa manifest": "present" });
  expect(await says(Buffer.concat([type, box("mdat", store)]), "AVIF")).toEqual({});
});

test("EXIF that is broken is noted, not believed", () => {
  const notes: string[] = [];
  expect(exifOrientation(new Uint8Array(bytes("II*\0\xff\xff\xff\x7f")), notes)).toBe(1);
  expect(notes).toEqual(["EXIF cannot be read; orientation taken as upright"]);
});

test.each([[0, 0], [1, 0], [3, 0], [4, 0], [13, 0], [16, 4], [9, 1], [8, 3]])("alpha is dropped from %d pixels at offset %d", (count, offset) => {
  const rgba = Uint8ClampedArray.from({ length: offset + 4 * count }, (_, index) => (index * 89 + 7) & 255).subarray(offset);
  const expected = Array.from(rgba).filter((_, index) => index % 4 < 3);
  expect(Array.from(withoutAlpha(rgba))).toEqual(expected);
});

test.each([0, 1, 55, 56, 63, 64, 65, 119, 120, 1000])("SHA-256 of %d bytes", (length) => {
  const data = Uint8Array.from({ length }, (_, index) => (index * 37) & 255);
  expect(sha256Plain(data)).toBe(createHash("sha256").update(data).digest("hex"));
});

test("CSV quotes what needs it", () => {
  const empty: Row = {
    path: 'a,"b"\n.png', system: "npr", logit: 0.5, probability: null, verdict: "no trace found", tiles: 9, width: 1,
    height: 2, format: "PNG", sha256: "00", provenance: null, notes: null, error: null,
  };
  const [head, ...rest] = toCsv([empty]).split("\r\n");
  expect(head).toBe("path,system,logit,probability,verdict,tiles,width,height,format,sha256,provenance,notes,error");
  expect(rest.join("\r\n")).toBe('"a,""b""\n.png",npr,0.5,,no trace found,9,1,2,PNG,00,,,\r\n');
});
