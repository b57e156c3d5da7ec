/**
 * Whether a C2PA manifest store is there: a JUMBF superbox of type "c2pa" (C2PA 2.1, section 11; ISO/IEC
 * 19566-5) where the container puts it. Its signature is not checked here.
 */

import { latin1, u32be } from "../decode/sniff";

const STORE = "6332706100110010800000aa00389b71";
const ISO_BOX = "d8fec3d61b0e483c92975828877ec481";

const hex = (data: Uint8Array, from: number, length: number): string =>
  Array.from(data.subarray(from, from + length), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** `data` starts with a complete "jumb" box whose description box says "c2pa". */
export function hasManifestStore(data: Uint8Array): boolean {
  if (data.length < 38 || latin1(data, 4, 8) !== "jumb" || u32be(data, 0) > data.length) return false;
  const inner = u32be(data, 8);
  if (latin1(data, 12, 16) !== "jumd" || inner < 30 || 8 + inner > u32be(data, 0)) return false;
  return hex(data, 16, 16) === STORE && latin1(data, 33, 38) === "c2pa\0";
}

/** The APP11 segments of a JPEG, put together in their stated order (ISO/IEC 19566-5, annex D). */
export function jpegManifest(payloads: Uint8Array[]): boolean {
  const boxes = new Map<number, [number, Uint8Array][]>();
  for (const payload of payloads) {
    if (payload.length < 16 || latin1(payload, 0, 2) !== "JP") continue;
    const instance = (payload[2] << 8) | payload[3];
    const list = boxes.get(instance) ?? [];
    list.push([u32be(payload, 4), payload.subarray(8)]);
    boxes.set(instance, list);
  }
  return [...boxes.values()].some((list) => {
    const [first, ...rest] = list.sort((a, b) => a[0] - b[0]).map((part) => part[1]);
    const parts = [first, ...rest.map((part) => part.subarray(8))]; // each repeats the box header
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return hasManifestStore(whole);
  });
}

/** A top-level "uuid" box of an AVIF or HEIF file with a manifest store inside. */
export function isoManifest(data: Uint8Array): boolean {
  for (let at = 0; at + 8 <= data.length; ) {
    const size = u32be(data, at);
    const end = size === 0 ? data.length : at + size;
    if ((size !== 0 && size < 8) || end > data.length) return false; // 64-bit sizes do not occur before mdat
    if (latin1(data, at + 4, at + 8) === "uuid" && hex(data, at + 8, 16) === ISO_BOX) {
      const purpose = data.indexOf(0, at + 28);
      return latin1(data, at + 28, purpose) === "manifest" && hasManifestStore(data.subarray(purpose + 9, end));
    }
    at = end;
  }
  return false;
}
