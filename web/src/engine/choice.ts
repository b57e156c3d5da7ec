/**
 * Which engine scores: WebAssembly, and WebGPU instead where it has shown to agree with it and to be quicker.
 * What was found stands among the details for experts.
 */

import type { Calibration } from "../core/card";
import type { Agreement } from "./selftest";
import { compare, tiles } from "./selftest";
import type { Runner, Scored } from "./runner";

/** `?engine=`: both in turn as above; WebAssembly alone; or WebGPU though it is slow or software, not if it differs. */
export type Wanted = "auto" | "wasm" | "webgpu";

/** Why WebGPU does not score. */
export type Refusal =
  | { why: "pending" }
  | { why: "off" }
  | { why: "no api" }
  | { why: "no adapter" }
  | { why: "software"; device: string }
  | { why: "no stack switching"; device: string }
  | { why: "failed"; device: string; words: string }
  | { why: "differs"; device: string; what: "logit" | "map" | "verdict"; difference: number }
  | { why: "slower"; device: string; milliseconds: number; wasm: number };

/** What the test found where WebGPU scores: the largest difference, and the time of a tile. */
export interface Trial {
  device: string;
  difference: number;
  milliseconds: number;
  wasm: number;
}

/** The part of `GPUAdapter` that is asked. */
export interface Adapter {
  info?: { vendor?: string; architecture?: string; description?: string; isFallbackAdapter?: boolean };
}

export interface Gpu {
  requestAdapter: (options: { powerPreference: "high-performance" }) => Promise<Adapter | null>;
}

interface Browser {
  gpu: Gpu | undefined;
  /** Whether WebAssembly can wait for a promise (JSPI), which the WebGPU build needs. */
  switches: boolean;
}

export class Choice {
  /** Null once WebGPU scores. */
  refusal: Refusal | null = { why: "pending" };
  trial: Trial | null = null;
  private candidate: { runner: Runner; device: string } | null = null;

  /**
   * @param wasm what every answer is measured against
   * @param open makes the WebGPU runner; its code is fetched by that
   * @param clock milliseconds
   */
  constructor(
    private readonly wasm: Runner,
    private readonly open: (adapter: Adapter) => Promise<Runner>,
    private readonly size: number,
    private readonly calibration: Calibration | null,
    private readonly wanted: Wanted,
    private readonly clock = () => performance.now(),
  ) {}

  /** Find an adapter and start the engine on it, beside other work. True where there is something to compare. */
  async prepare({ gpu, switches }: Browser): Promise<boolean> {
    const found = this.wanted === "wasm" ? { why: "off" as const } : await adapterOf(gpu);
    if ("why" in found) return this.refuse(found);
    const device = nameOf(found);
    if (found.info?.isFallbackAdapter && this.wanted === "auto") return this.refuse({ why: "software", device });
    if (!switches) return this.refuse({ why: "no stack switching", device });
    try {
      const runner = await this.open(found);
      await runner.run(tiles(this.size)[0]); // the first run compiles
      this.candidate = { runner, device };
      return true;
    } catch (error) {
      return this.refuse({ why: "failed", device, words: wordsOf(error) });
    }
  }

  /** The self-test: built-in tiles through both. `check` lets other questions in between, and may throw. */
  async compare(check: () => Promise<void>): Promise<void> {
    if (!this.candidate) return;
    const { runner, device } = this.candidate;
    const times: [gpu: number[], wasm: number[]] = [[], []];
    let difference = 0;
    for (const tile of tiles(this.size)) {
      await check();
      const expected = await this.timed(this.wasm, tile, times[1]);
      let agreement: Agreement;
      try {
        agreement = compare(expected, await this.timed(runner, tile, times[0]), this.calibration);
      } catch (error) {
        this.refuse({ why: "failed", device, words: wordsOf(error) });
        return;
      }
      difference = Math.max(difference, agreement.difference);
      if (agreement.broken) {
        this.refuse({ why: "differs", device, what: agreement.broken, difference });
        return;
      }
    }
    const [milliseconds, wasm] = times.map(median);
    if (milliseconds >= wasm && this.wanted === "auto") {
      this.refuse({ why: "slower", device, milliseconds, wasm });
      return;
    }
    this.trial = { device, difference, milliseconds, wasm };
    this.refusal = null;
  }

  get provider(): "wasm" | "webgpu" {
    return this.refusal ? "wasm" : "webgpu";
  }

  /**
   * Score a tile. With `doubted` WebAssembly scores it too, and where they differ, WebGPU is not asked again: so
   * the self-test goes on with a tile of every picture.
   */
  async run(tile: Uint8Array, doubted: boolean): Promise<Scored> {
    if (this.refusal || !this.candidate || !this.trial) return this.wasm.run(tile);
    const { runner, device } = this.candidate;
    let found: Scored;
    try {
      found = await runner.run(tile);
    } catch (error) {
      this.refuse({ why: "failed", device, words: wordsOf(error) });
      return this.wasm.run(tile);
    }
    if (!doubted) return found;
    const expected = await this.wasm.run(tile);
    const { broken, difference } = compare(expected, found, this.calibration);
    if (broken) this.refuse({ why: "differs", device, what: broken, difference });
    else this.trial.difference = Math.max(this.trial.difference, difference);
    return expected;
  }

  private async timed(runner: Runner, tile: Uint8Array, times: number[]): Promise<Scored> {
    const began = this.clock();
    const found = await runner.run(tile);
    times.push(this.clock() - began);
    return found;
  }

  private refuse(refusal: Refusal): false {
    this.candidate?.runner.release().catch(() => undefined); // of a device that is lost nothing is left to free
    this.refusal = refusal;
    this.trial = this.candidate = null;
    return false;
  }
}

async function adapterOf(gpu: Gpu | undefined): Promise<Adapter | Refusal> {
  if (!gpu) return { why: "no api" };
  try {
    return (await gpu.requestAdapter({ powerPreference: "high-performance" })) ?? { why: "no adapter" };
  } catch (error) {
    return { why: "failed", device: "", words: wordsOf(error) };
  }
}

const nameOf = ({ info }: Adapter): string =>
  info?.description || [info?.vendor, info?.architecture].filter(Boolean).join(" ") || "unnamed";

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).slice(0, 300);

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}
