/** The exported graph in ONNX Runtime Web; the counterpart of `upprint.runtime.session.Session`. */

import * as ort from "onnxruntime-web/wasm";
import { CardError, WeightsError } from "./core/errors";
import { type Card, parseCard } from "./core/card";
import { sha256 } from "./core/sha256";

declare const ORT_VERSION: string;

const ORT = `ort/${ORT_VERSION}`;
const MOST_THREADS = 8;

/** Relative to the page, so that it works below any path. */
const at = (path: string): URL => new URL(`../${path}`, self.location.href);

export class Graph {
  private constructor(
    readonly card: Card,
    readonly threads: number,
    private readonly session: ort.InferenceSession,
  ) {}

  /** Fetch card, graph and engine from where the page came from, and check the graph's hash. */
  static async open(system: string, wanted: number): Promise<Graph> {
    const [text, binary] = await Promise.all([body(`models/${system}.json`), body(`${ORT}/ort-wasm.gz`).then(unpacked)]);
    const card = parseCard(new TextDecoder().decode(text), `models/${system}.json`);
    const graph = await body(`models/${system}.onnx`);
    const found = await sha256(graph);
    if (found !== card.weights?.onnx_sha256) {
      throw new WeightsError(`the graph's SHA-256 is ${found}, its card expects ${card.weights?.onnx_sha256}`);
    }
    const cores = navigator.hardwareConcurrency || 1;
    const usual = Math.max(Math.min(cores, 2), Math.ceil(cores / 2)); // waiting threads spin: leave room for others
    const threads = self.crossOriginIsolated ? Math.min(MOST_THREADS, wanted || usual) : 1;
    ort.env.wasm.numThreads = threads;
    ort.env.wasm.wasmBinary = binary;
    ort.env.wasm.wasmPaths = { mjs: at(`${ORT}/ort-wasm.mjs`).href };
    ort.env.logLevel = "error";
    const session = await ort.InferenceSession.create(graph, { executionProviders: ["wasm"], interOpNumThreads: 1 });
    for (const name of ["logit", "cam"]) {
      if (!session.outputNames.includes(name)) throw new WeightsError(`the graph has no output '${name}'`);
    }
    return new Graph(card, threads, session);
  }

  /** Score one square tile of RGB bytes. */
  async run(tile: Uint8Array): Promise<{ logit: number; cells: Float32Array; side: number }> {
    const size = this.card.input.tile;
    const images = new ort.Tensor("uint8", tile, [1, size, size, 3]);
    const { logit, cam } = await this.session.run({ images });
    const [value] = logit.data as Float32Array;
    const [, rows, columns] = cam.dims;
    if (!Number.isFinite(value)) throw new WeightsError("the graph returned a logit that is not finite");
    if (cam.dims.length !== 3 || rows !== columns || size % rows) {
      throw new WeightsError(`the graph maps a tile of ${size} pixels to a 'cam' of ${cam.dims.join(" x ")}`);
    }
    const cells = Float32Array.from(cam.data as Float32Array);
    logit.dispose();
    cam.dispose();
    images.dispose();
    return { logit: value, cells, side: rows };
  }
}

async function body(path: string): Promise<Uint8Array<ArrayBuffer>> {
  let answer: Response;
  try {
    answer = await fetch(at(path), { cache: "no-cache" }); // a new model may keep its name
  } catch (error) {
    throw new CardError(`${path} cannot be fetched (${String(error)})`);
  }
  if (!answer.ok) throw new CardError(`${path} cannot be fetched (status ${answer.status})`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** Some servers inflate `.gz` themselves. */
async function unpacked(data: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  if (data[0] !== 0x1f || data[1] !== 0x8b) return data.buffer;
  return new Response(new Blob([data]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}
