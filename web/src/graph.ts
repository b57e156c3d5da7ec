/** Card and graph of the system, and the engine that runs it. */

import { type Card, parseCard } from "./core/card";
import { CardError, WeightsError } from "./core/errors";
import { adjusted, isName, parseSettings, SETTINGS, type Settings } from "./core/settings";
import { sha256 } from "./core/sha256";
import { Choice, type Gpu, type Wanted } from "./engine/choice";
import type { Scored } from "./engine/runner";
import { fetchWasm, openWasm, threadsFor } from "./engine/wasm";
import { body } from "./parts";
import type { Inference, Refusal } from "./protocol";

export class Graph {
  private constructor(
    readonly card: Card,
    private readonly threads: number,
    private readonly choice: Choice,
  ) {}

  /** Fetch settings, card, graph and engine from where the page came from, and check the graph's hash. */
  static async open(named: string | null, wantedThreads: number, wanted: Wanted): Promise<Graph> {
    const binary = fetchWasm();
    binary.catch(() => undefined); // awaited below, unless something else fails first
    const settings = await settingsFor(named);
    const stem = `models/${encodeURIComponent(settings.system)}`;
    const [text, graph] = await Promise.all([body(`${stem}.json`), body(`${stem}.onnx`)]);
    const card = adjusted(parseCard(new TextDecoder().decode(text), `${stem}.json`), settings);
    const found = await sha256(graph);
    if (found !== card.weights?.onnx_sha256) {
      throw new WeightsError(`the graph's SHA-256 is ${found}, its card expects ${card.weights?.onnx_sha256}`);
    }
    const threads = threadsFor(wantedThreads);
    const size = card.input.tile;
    const wasm = await openWasm(graph, await binary, threads, size);
    const choice = new Choice(
      wasm,
      async (adapter) => (await import("./engine/webgpu")).openWebGpu(graph, adapter, size),
      size,
      card.calibration,
      wanted,
    );
    return new Graph(card, threads, choice);
  }

  /** See `Choice.prepare`. */
  async prepare(): Promise<boolean> {
    const { gpu } = navigator as unknown as { gpu?: Gpu };
    return this.choice.prepare({ gpu, switches: "Suspending" in WebAssembly });
  }

  async compare(check: () => Promise<void>): Promise<void> {
    await this.choice.compare(check);
  }

  get refusal(): Refusal | null {
    return this.choice.refusal;
  }

  get inference(): Inference {
    const { provider, refusal, trial } = this.choice;
    return { provider, threads: this.threads, refusal, trial: trial && { ...trial } };
  }

  /** Score one square tile of RGB bytes; see `Choice.run`. */
  async run(tile: Uint8Array, doubted: boolean): Promise<Scored> {
    return this.choice.run(tile, doubted);
  }
}

/** Those of the server, unless the address names another system, whose card then decides. */
async function settingsFor(named: string | null): Promise<Settings> {
  if (named !== null && !isName(named)) throw new CardError(`no system can be named ${JSON.stringify(named)}`);
  const served = parseSettings(new TextDecoder().decode(await body(SETTINGS)));
  return named === null || named === served.system ? served : { system: named, fpr: null, tiles: null };
}
