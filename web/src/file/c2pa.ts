/**
 * C2PA manifests ("Content Credentials"), read and validated by c2pa-rs compiled to WebAssembly; nothing is
 * fetched but that library, and it only for a file that holds a manifest. As `upprint.provenance.c2pa`.
 */

import { unpacked } from "../parts";

declare const C2PA_VERSION: string;

/** `unchecked`: the signature holds. There is no trust list here, so that nobody vouches for the signer. */
export type Trust = "unchecked" | "invalid" | "refused" | "unread";

/** A digital source type that an action states, of this picture or of one that it was made from. */
export interface SourceType {
  value: string;
  action: string;
  earlier: boolean;
}

export interface Credentials {
  trust: Trust;
  /** Codes of what does not hold, or the library's words. */
  reasons: string;
  signer: string;
  issuer: string;
  time: string;
  tool: string;
  types: SourceType[];
}

const MIME: Record<string, string> = {
  JPEG: "image/jpeg", PNG: "image/png", WebP: "image/webp", GIF: "image/gif", TIFF: "image/tiff",
  AVIF: "image/avif", HEIF: "image/heif",
};
const SETTINGS = JSON.stringify({
  version: 1,
  verify: { remote_manifest_fetch: false, ocsp_fetch: false, verify_trust: true },
  core: { allowed_network_hosts: [] },
});
const UNTRUSTED = "signingCredential.untrusted";
/** Manifests that are followed from a picture to what it was made from. */
const CHAIN = 32;
const NOTHING = { reasons: "", signer: "", issuer: "", time: "", tool: "", types: [] };

let library: Promise<typeof import("@contentauth/c2pa-wasm")> | null = null;

async function load(): Promise<typeof import("@contentauth/c2pa-wasm")> {
  const [found, binary] = await Promise.all([import("@contentauth/c2pa-wasm"), unpacked(`c2pa/${C2PA_VERSION}/c2pa.gz`)]);
  found.initSync({ module: await WebAssembly.compile(binary) });
  return found;
}

export async function readCredentials(data: Uint8Array<ArrayBuffer>, format: string): Promise<Credentials> {
  let reading: typeof import("@contentauth/c2pa-wasm");
  try {
    reading = await (library ??= load());
  } catch (error) {
    library = null;
    return { trust: "unread", ...NOTHING, reasons: clean(String(error)) };
  }
  try {
    const reader = await reading.WasmReader.fromBlob(MIME[format], new Blob([data]), SETTINGS);
    try {
      return describe(JSON.parse(reader.json()));
    } finally {
      reader.free();
    }
  } catch (error) {
    return { trust: "refused", ...NOTHING, reasons: clean(String(error)) };
  }
}

type Json = Record<string, unknown>;

const object = (value: unknown): Json =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const word = (value: unknown): string => (typeof value === "string" ? clean(value) : "");

/** On one line, without control characters and direction marks, cut to 300 characters. */
function clean(text: string): string {
  const shown = text.slice(0, 1200).replace(/[\p{C}\p{Z}]+/gu, " ").trim();
  return shown.length <= 300 ? shown : `${shown.slice(0, 299)}…`;
}

/** A manifest store in the library's JSON form. */
export function describe(store: Json): Credentials {
  const manifests = object(store["manifests"]);
  const active = object(manifests[String(store["active_manifest"])]);
  if (Object.keys(active).length === 0) return { trust: "invalid", ...NOTHING, reasons: "no active manifest" };
  const signer = object(active["signature_info"]);
  const issuer = word(signer["issuer"]);
  return {
    ...trust(store),
    signer: word(signer["common_name"]) || issuer,
    issuer,
    time: word(signer["time"]),
    tool: tool(active),
    types: sourceTypes(manifests, active),
  };
}

/** Whether the signature and the hashes hold. */
function trust(store: Json): { trust: Trust; reasons: string } {
  const state = word(store["validation_state"]);
  const codes = new Set(list(store["validation_status"]).map((one) => word(object(one)["code"])));
  codes.delete(UNTRUSTED);
  if (codes.size === 0 && (state === "Valid" || state === "Trusted")) return { trust: "unchecked", reasons: "" };
  return { trust: "invalid", reasons: clean([...codes].sort().join(", ")) || state };
}

function tool(manifest: Json): string {
  const info = object(list(manifest["claim_generator_info"])[0]);
  const name = word(info["name"]) || word(manifest["claim_generator"]);
  return `${name} ${word(info["version"])}`.trim();
}

function sourceTypes(manifests: Json, active: Json): SourceType[] {
  const found: SourceType[] = [];
  const seen = new Set<Json>();
  let manifest = active;
  while (Object.keys(manifest).length > 0 && !seen.has(manifest) && seen.size < CHAIN) {
    seen.add(manifest);
    for (const assertion of list(manifest["assertions"]).map(object)) {
      if (!word(assertion["label"]).startsWith("c2pa.actions")) continue;
      for (const action of list(object(assertion["data"])["actions"]).map(object)) {
        const value = word(action["digitalSourceType"]);
        if (value) found.push({ value, action: word(action["action"]), earlier: seen.size > 1 });
      }
    }
    const parent = list(manifest["ingredients"]).map(object).find((one) => one["relationship"] === "parentOf");
    manifest = object(manifests[String(parent?.["active_manifest"])]);
  }
  return found.filter(
    (one, index) => index === found.findIndex((other) => JSON.stringify(other) === JSON.stringify(one)),
  );
}
