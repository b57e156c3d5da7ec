/** What page and worker tell each other. */

import type { Verdict } from "./core/calibration";
import type { Summary } from "./core/cam";
import type { Card, MapTest } from "./core/card";
import type { Anchor } from "./core/npr";
import type { Refusal, Trial, Wanted } from "./engine/choice";
import type { Credentials } from "./file/c2pa";
import type { Statement } from "./file/says";

export type { Refusal, Trial, Wanted };

/** One row of a scan; the columns of `upprint.result.ScanResult`, in their order. */
export interface Row {
  path: string;
  system: string;
  logit: number | null;
  probability: number | null;
  verdict: Verdict | null;
  tiles: number | null;
  width: number | null;
  height: number | null;
  format: string | null;
  sha256: string | null;
  provenance: string | null;
  notes: string | null;
  error: string | null;
}

export const COLUMNS: readonly (keyof Row)[] = [
  "path", "system", "logit", "probability", "verdict", "tiles", "width", "height", "format", "sha256",
  "provenance", "notes", "error",
];

/** What runs the network, and what became of WebGPU. */
export interface Inference {
  provider: "wasm" | "webgpu";
  /** Of WebAssembly. */
  threads: number;
  refusal: Refusal | null;
  trial: Trial | null;
}

/** What a file says about itself; `credentials` null where it holds no C2PA manifest. */
export interface Said {
  statements: Statement[];
  credentials: Credentials | null;
}

export interface TileScore {
  top: number;
  left: number;
  logit: number;
}

/** A picture or a map, RGBA, ready to be painted. */
export interface Painting {
  rgba: Uint8ClampedArray<ArrayBuffer>;
  width: number;
  height: number;
}

/** What the verdict on the picture that is open needs. */
export interface Opened {
  row: Row;
  tiles: TileScore[];
  tile: number;
  seconds: number;
  inference: Inference;
}

export interface WhereMap {
  painting: Painting;
  /** Picture pixels that the painting covers; up to `grid` - 1 at the right and bottom border are left out. */
  width: number;
  height: number;
  limit: number;
  unit: number;
  complete: boolean;
  summary: Summary;
  tiles: TileScore[];
  logit: number;
  /** How many tiles the whole picture has. */
  all: number;
  /** What tests of such maps found; null for none. */
  tested: MapTest | null;
}

export interface NprMap {
  painting: Painting;
  limit: number;
  factor: number;
  block: number;
  anchor: Anchor;
  /** Whether the system's card states block and anchor, as those do that look at nothing else. */
  own: boolean;
}

export type Treatment = "jpeg(85)" | "jpeg(70)" | "resize(0.75)";
export const TREATMENTS: readonly Treatment[] = ["jpeg(85)", "jpeg(70)", "resize(0.75)"];

export interface Treated {
  treatment: Treatment;
  logit: number;
  probability: number | null;
  verdict: Verdict | null;
}

export interface Calls {
  /** `system` null takes the one that is served; `threads` 0 leaves their number to the engine. */
  start: { args: [system: string | null, threads: number, engine: Wanted]; result: Card };
  /** Start WebGPU, where it may be of use; not in turn, but beside the other calls. True: `compare` follows. */
  prepare: { args: []; result: boolean };
  /** Test it, and use it or not: null, or why not. */
  compare: { args: []; result: Refusal | null };
  scan: { args: [file: File]; result: Row };
  open: { args: [file: File]; result: Opened };
  /** Of the picture that is open: itself, SHA-256 of its pixels, and so on. */
  picture: { args: []; result: { painting: Painting } };
  pixelHash: { args: []; result: string };
  says: { args: []; result: Said };
  where: { args: [whole: boolean]; result: WhereMap };
  npr: { args: [channel: number]; result: NprMap };
  treat: { args: [treatment: Treatment]; result: Treated };
}

export type Request = { id: number; call: keyof Calls; args: unknown[] } | { cancel: number };

export type Answer =
  | { id: number; result: unknown }
  | { id: number; progress: [done: number, total: number] }
  | { id: number; error: { name: string; message: string } };
