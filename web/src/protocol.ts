/** What page and worker tell each other. */

import type { Verdict } from "./core/calibration";
import type { Summary } from "./core/cam";
import type { Card } from "./core/card";
import type { Anchor } from "./core/npr";
import type { Statement } from "./file/says";

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

export interface Engine {
  card: Card;
  threads: number;
  provider: string;
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

/** Everything about the picture that is open, apart from its row. */
export interface Opened {
  row: Row;
  picture: Painting;
  tiles: TileScore[];
  tile: number;
  pixels: string;
  seconds: number;
  says: Statement[];
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
}

export interface NprMap {
  painting: Painting;
  limit: number;
  factor: number;
  block: number;
  anchor: Anchor;
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
  /** `threads` 0 leaves their number to the engine. */
  start: { args: [system: string, threads: number]; result: Engine };
  scan: { args: [file: File]; result: Row };
  open: { args: [file: File]; result: Opened };
  where: { args: [whole: boolean]; result: WhereMap };
  npr: { args: [channel: number]; result: NprMap };
  treat: { args: [treatment: Treatment]; result: Treated };
}

export type Request = { id: number; call: keyof Calls; args: unknown[] } | { cancel: number };

export type Answer =
  | { id: number; result: unknown }
  | { id: number; progress: [done: number, total: number] }
  | { id: number; error: { name: string; message: string } };
