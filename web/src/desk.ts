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
import { type Card, mapTest } from "./core/card";
import { readCredentials } from "./file/c2pa";
import { whatFileSays } from "./file/says";
import { Graph } from "./graph";
import { paintNpr, paintPicture, paintWhere } from "./paint";
import type {
  NprMap, Opened, Painting, Refusal, Row, Said, TileScore, Treated, Treatment, Wanted, WhereMap,
} from "./protocol";

type Check = (done: number, total: number) => Promise<void>;

/** The picture that is open: its file, its pixels, and the tiles scored so far. */
interface Open {
  data: Uint8Array<ArrayBuffer>;
  format: string;
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

  async start(system: string | null, threads: number, wanted: Wanted): Promise<Card> {
    this.graph ??= Graph.open(system, threads, wanted);
    return (await this.engine()).card;
  }

  async prepare(): Promise<boolean> {
    return (await this.engine()).prepare();
  }

  async compare(check: Check): Promise<Refusal | null> {
    const graph = await this.engine();
    await graph.compare(() => check(0, 1));
    return graph.refusal;
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
    const { row, open } = await this.score(file, check);
    const seconds = (performance.now() - started) / 1000;
    const { card, inference } = await this.engine();
    this.open_ = open ?? null;
    const tiles = open ? scores([...open.maps.values()]) : [];
    return { row, tiles, tile: card.input.tile, seconds, inference };
  }

  async picture(): Promise<{ painting: Painting }> {
    return { painting: paintPicture(this.opened().pixels) };
  }

  async pixelHash(): Promise<string> {
    return sha256(this.opened().pixels.data as Uint8Array<ArrayBuffer>);
  }

  async says(): Promise<Said> {
    const { data, format } = this.opened();
    const { statements, manifest } = await whatFileSays(data, format);
    return { statements, credentials: manifest ? await readCredentials(data, format) : null };
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
      complete: map.complete || shown.length === all.length, // but for a few pixels at the border
      summary: summary(map),
      tiles: scores(shown),
      logit: pool(shown.map((one) => one.logit), card.input),
      all: all.length,
      tested: mapTest(card, "tile_cam"),
    };
  }

  /** The relations between neighbouring pixels of one colour channel, whatever the system. */
  async npr(channel: number): Promise<NprMap> {
    const { options } = (await this.engine()).card;
    const own = typeof options["block"] === "number" && "anchor" in options;
    const [block, anchor] = own ? [Number(options["block"]), options["anchor"] as Anchor] : [2, 1];
    return { ...paintNpr(this.opened().pixels, channel, block, anchor), own };
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

  private async score(file: File, check: Check): Promise<{ row: Row; open?: Open }> {
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
      return { row, open: { data, format, pixels, maps, budget } };
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
    let doubted = true; // of every picture one tile is scored by both engines, where there are two
    for (const [index, origin] of origins.entries()) {
      const key = origin.join();
      if (!known.has(key)) {
        await check(index, origins.length);
        known.set(key, { origin, ...(await graph.run(cut(padded, origin, tile), doubted)) });
        doubted = false;
      }
      found.push(known.get(key)!);
    }
    return found;
  }
}

function judged(logit: number, scale: Card["calibration"]): Pick<Row, "probability" | "verdict"> {
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
