/** What the worker can be asked: it scores pictures, and holds the one that is open for further questions. */

import { probability, verdict } from "./core/calibration";
import { layTiles, summary, type TileMap } from "./core/cam";
import { ImageError, MAX_FILE_BYTES } from "./core/errors";
import { encodeJpeg } from "./core/jpeg_encode";
import type { Anchor } from "./core/npr";
import { resizeBy } from "./core/resample";
import { sha256 } from "./core/sha256";
import { cut, type Origin, type Pixels, pool, repeatTo, tileOrigins } from "./core/tiles";
import { decode } from "./decode/index";
import { Graph } from "./engine";
import { whatFileSays } from "./file/says";
import { paintNpr, paintPicture, paintWhere } from "./paint";
import type { Engine, NprMap, Opened, Row, TileScore, Treated, Treatment, WhereMap } from "./protocol";

type Check = (done: number, total: number) => Promise<void>;

/** The picture that is open: its pixels, and the tiles scored so far. */
interface Open {
  pixels: Pixels;
  maps: Map<string, TileMap>;
  budget: Origin[];
}

const UNCALIBRATED = "uncalibrated: no verdict";

const scores = (maps: readonly TileMap[]): TileScore[] =>
  maps.map(({ origin: [top, left], logit }) => ({ top, left, logit }));

export class Desk {
  private graph: Promise<Graph> | null = null;
  private open_: Open | null = null;

  private async engine(): Promise<Graph> {
    if (!this.graph) throw new Error("not started");
    return this.graph;
  }

  async start(system: string, wanted: number): Promise<Engine> {
    this.graph ??= Graph.open(system, wanted);
    const { card, threads } = await this.engine();
    return { card, threads, provider: "wasm" };
  }

  /** Score one file; an unreadable one gives a row with its error. */
  async scan(file: File, check: Check): Promise<Row> {
    const { row } = await this.score(file, check);
    return row;
  }

  /** Score one file and keep it open. */
  async open(file: File, check: Check): Promise<Opened> {
    this.open_ = null;
    const started = performance.now();
    const { row, open, data } = await this.score(file, check);
    const seconds = (performance.now() - started) / 1000;
    const nothing = { rgba: new Uint8ClampedArray(0), width: 0, height: 0 };
    const { card } = await this.engine();
    const tile = card.input.tile;
    if (!open || !data) return { row, picture: nothing, tiles: [], tile, pixels: "", seconds, says: [] };
    this.open_ = open;
    const bytes = open.pixels.data as Uint8Array<ArrayBuffer>;
    return {
      row,
      picture: paintPicture(open.pixels),
      tiles: scores([...open.maps.values()]),
      tile,
      pixels: await sha256(bytes),
      seconds,
      says: await whatFileSays(data, row.format ?? ""),
    };
  }

  /** Where the score comes from: in the tiles that were scored, or in all that cover the picture. */
  async where(whole: boolean, check: Check): Promise<WhereMap> {
    const { pixels, maps, budget } = this.opened();
    const { card } = await this.engine();
    const all = tileOrigins(pixels.height, pixels.width, card.input, null);
    const shown = await this.run(pixels, whole ? all : budget, check, maps);
    const map = layTiles(shown, card.input.tile, pixels.height, pixels.width);
    const { painting, limit } = paintWhere(map);
    return {
      painting,
      width: map.columns * map.unit,
      height: map.rows * map.unit,
      limit,
      unit: card.input.tile / shown[0].side,
      complete: map.complete,
      summary: summary(map),
      tiles: scores(shown),
      logit: pool(shown.map((one) => one.logit), card.input),
      all: all.length,
    };
  }

  /** The relations that the network sees, of one colour channel. */
  async npr(channel: number): Promise<NprMap> {
    const { card } = await this.engine();
    const block = Number(card.options["block"] ?? 2);
    const anchor = (card.options["anchor"] ?? 1) as Anchor;
    return paintNpr(this.opened().pixels, channel, block, anchor);
  }

  /** Score the open picture once more after a common treatment. */
  async treat(treatment: Treatment, check: Check): Promise<Treated> {
    const { card } = await this.engine();
    const pixels = await treated(this.opened().pixels, treatment);
    const origins = tileOrigins(pixels.height, pixels.width, card.input, card.input.budget);
    const logit = pool((await this.run(pixels, origins, check)).map((one) => one.logit), card.input);
    return { treatment, logit, ...judged(logit, card.calibration) };
  }

  private opened(): Open {
    if (!this.open_) throw new Error("no picture is open");
    return this.open_;
  }

  private async score(file: File, check: Check): Promise<{ row: Row; open?: Open; data?: Uint8Array }> {
    const { card } = await this.engine();
    const row: Row = {
      path: file.name, system: card.name, logit: null, probability: null, verdict: null, tiles: null,
      width: null, height: null, format: null, sha256: null, provenance: null, notes: null, error: null,
    };
    try {
      const data = await read(file);
      const { pixels, format, notes } = await decode(data, file.name);
      const budget = tileOrigins(pixels.height, pixels.width, card.input, card.input.budget);
      const maps = new Map<string, TileMap>();
      const found = await this.run(pixels, budget, check, maps);
      const logit = pool(found.map((one) => one.logit), card.input);
      if (!card.calibration) notes.push(UNCALIBRATED);
      Object.assign(row, {
        logit, ...judged(logit, card.calibration), tiles: found.length, width: pixels.width, height: pixels.height,
        format, sha256: await sha256(data), notes: notes.join("; ") || null,
      });
      return { row, open: { pixels, maps, budget }, data };
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      return { row: { ...row, error: error.message } };
    }
  }

  /** Score tiles; those already in `known` are not run again. */
  private async run(
    pixels: Pixels, origins: Origin[], check: Check, known = new Map<string, TileMap>(),
  ): Promise<TileMap[]> {
    const graph = await this.engine();
    const { tile, grid } = graph.card.input;
    const padded = repeatTo(pixels, tile, grid);
    const found: TileMap[] = [];
    for (const [index, origin] of origins.entries()) {
      const key = origin.join();
      if (!known.has(key)) {
        await check(index, origins.length);
        known.set(key, { origin, ...(await graph.run(cut(padded, origin, tile))) });
      }
      found.push(known.get(key)!);
    }
    return found;
  }
}

function judged(logit: number, scale: Engine["card"]["calibration"]): Pick<Row, "probability" | "verdict"> {
  return { probability: scale && probability(logit, scale), verdict: scale && verdict(logit, scale) };
}

async function treated(pixels: Pixels, treatment: Treatment): Promise<Pixels> {
  if (treatment === "resize(0.75)") return resizeBy(pixels, 0.75);
  const again = await decode(encodeJpeg(pixels, treatment === "jpeg(85)" ? 85 : 70), "re-saved.jpg");
  return again.pixels;
}

async function read(file: File): Promise<Uint8Array<ArrayBuffer>> {
  if (file.size > MAX_FILE_BYTES) {
    const found = `a file of ${file.size.toLocaleString("en-US")} bytes`;
    throw new ImageError("ImageTooLarge", found, "at most 1 GiB", "re-save the picture with compression");
  }
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch (error) {
    const found = `a file that cannot be read (${error instanceof Error ? error.message : String(error)})`;
    throw new ImageError("UnreadableFile", found, "a readable file", "check that it still exists, and choose it again");
  }
}
