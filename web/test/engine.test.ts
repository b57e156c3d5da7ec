/** WebGPU is used where it agrees with WebAssembly and is quicker, and only there; every other way is said. */

import { describe, expect, test } from "vitest";
import type { Calibration } from "../src/core/card";
import { type Adapter, Choice, type Gpu, type Refusal, type Wanted } from "../src/engine/choice";
import type { Runner, Scored } from "../src/engine/runner";
import { compare, TOLERANCE, tiles } from "../src/engine/selftest";
import { S } from "../src/strings";

const SIDE = 16;
const SCALE: Calibration = {
  temperature: 1, bias: 0, thresholds: { "0.01": 100 }, default_fpr: "0.01", inconclusive: -1, photos: 10, data: "made up",
};

let now = 0;
const clock = (): number => now;

/** Scores by the mean of a tile; `change` has the last word, and the clock goes on by `milliseconds`. */
class Stub implements Runner {
  runs = 0;
  released = false;
  constructor(
    private readonly milliseconds: number,
    private readonly change: (scored: Scored, run: number) => Scored = (scored) => scored,
  ) {}

  async run(tile: Uint8Array): Promise<Scored> {
    now += this.milliseconds;
    const cells = Float32Array.from({ length: 4 }, (_, cell) => tile[cell * 5] / 4);
    const logit = tile.reduce((sum, value) => sum + value, 0) / tile.length;
    return this.change({ logit, cells, side: 2 }, this.runs++);
  }

  async release(): Promise<void> {
    this.released = true;
  }
}

const offered = (adapter: Adapter | null): Gpu => ({ requestAdapter: async () => adapter });
const CARD = { info: { vendor: "acme", architecture: "one" } };
const unasked = async (): Promise<void> => undefined;

async function chosen(
  gpu: Stub, { wanted = "auto", adapter = CARD as Adapter | null, switches = true, wasm = new Stub(3) } = {} as {
    wanted?: Wanted; adapter?: Adapter | null; switches?: boolean; wasm?: Stub;
  },
): Promise<{ choice: Choice; wasm: Stub; opened: number }> {
  let opened = 0;
  const open = async (): Promise<Runner> => (opened++, gpu);
  const choice = new Choice(wasm, open, SIDE, SCALE, wanted, clock);
  if (await choice.prepare({ gpu: offered(adapter), switches })) await choice.compare(unasked);
  return { choice, wasm, opened };
}

/** What is said, in words too. */
function refused(choice: Choice): Refusal {
  expect(choice.provider).toBe("wasm");
  expect(choice.trial).toBeNull();
  expect(S.refused(choice.refusal!)).toMatch(/^WebGPU is not used: .+\.$/);
  return choice.refusal!;
}

describe("WebGPU is not fetched", () => {
  test("before it was asked for", () => {
    const choice = new Choice(new Stub(0), async () => new Stub(0), SIDE, null, "auto");
    expect(refused(choice)).toEqual({ why: "pending" });
  });

  test.each([
    ["where the address says so", { wanted: "wasm" as const }, { why: "off" }],
    ["without an adapter", { adapter: null }, { why: "no adapter" }],
    ["for a software adapter", { adapter: { info: { description: "soft", isFallbackAdapter: true } } }, { why: "software", device: "soft" }],
    ["without stack switching", { switches: false }, { why: "no stack switching", device: "acme one" }],
  ])("%s", async (_, options, refusal) => {
    const { choice, opened } = await chosen(new Stub(0), options);
    expect(opened).toBe(0);
    expect(refused(choice)).toEqual(refusal);
  });

  test("without the interface, or where asking fails", async () => {
    const choice = new Choice(new Stub(0), async () => new Stub(0), SIDE, null, "auto");
    expect(await choice.prepare({ gpu: undefined, switches: true })).toBe(false);
    expect(refused(choice)).toEqual({ why: "no api" });
    const failing = { requestAdapter: () => Promise.reject(new Error("blocked")) };
    expect(await choice.prepare({ gpu: failing, switches: true })).toBe(false);
    expect(refused(choice)).toEqual({ why: "failed", device: "", words: "blocked" });
  });
});

describe("the self-test", () => {
  test("an engine that agrees and is quicker is used", async () => {
    const near = new Stub(0, (scored) => ({ ...scored, logit: scored.logit * (1 + TOLERANCE / 10) }));
    const { choice, wasm } = await chosen(near);
    expect(choice.provider).toBe("webgpu");
    expect(choice.refusal).toBeNull();
    expect(choice.trial).toMatchObject({ device: "acme one" });
    expect(choice.trial!.difference).toBeGreaterThan(0);
    expect(choice.trial!.difference).toBeLessThan(TOLERANCE);
    expect([choice.trial!.milliseconds, choice.trial!.wasm]).toEqual([0, 3]);
    expect(S.engine({ provider: "webgpu", threads: 2, refusal: null, trial: choice.trial })).toContain("acme one");
    const before = [near.runs, wasm.runs];
    await choice.run(tiles(SIDE)[0], false);
    expect([near.runs, wasm.runs]).toEqual([before[0] + 1, before[1]]);
  });

  test.each([
    ["logit", (s: Scored) => ({ ...s, logit: s.logit * (1 + 3 * TOLERANCE) })],
    ["logit", (s: Scored) => ({ ...s, logit: NaN })],
    ["map", (s: Scored) => ({ ...s, cells: s.cells.map((cell, index) => (index === 3 ? cell + 1 : cell)) })],
    ["map", (s: Scored) => ({ ...s, cells: new Float32Array(16), side: 4 })],
    ["map", (s: Scored) => ({ ...s, cells: s.cells.subarray(1) })],
  ] as const)("one that differs in a %s is not", async (what, change) => {
    const gpu = new Stub(0, (scored, run) => (run === 3 ? change(scored) : scored)); // the third tile; 0 compiles
    const { choice } = await chosen(gpu);
    expect(refused(choice)).toMatchObject({ why: "differs", device: "acme one", what });
    expect(gpu.released).toBe(true);
    expect(gpu.runs).toBe(4);
  });

  test("one that differs is not used though it was asked for", async () => {
    const gpu = new Stub(0, (scored) => ({ ...scored, logit: scored.logit + 1 }));
    const { choice } = await chosen(gpu, { wanted: "webgpu" });
    expect(refused(choice).why).toBe("differs");
  });

  test("a verdict that flips within the tolerance counts", () => {
    const cells = new Float32Array(4);
    const at = (logit: number): Scored => ({ logit, cells, side: 2 });
    expect(compare(at(99.9999), at(100.0001), SCALE)).toMatchObject({ broken: "verdict" });
    expect(compare(at(99.9999), at(100.0001), null)).toMatchObject({ broken: null });
    expect(compare(at(99.8), at(99.8), SCALE)).toEqual({ difference: 0, broken: null });
  });

  test("differences are told in units of a tile's largest value", () => {
    const of = (logit: number, cell: number): Scored => ({ logit, cells: Float32Array.of(0, cell), side: 2 });
    expect(compare(of(0, 0), of(0.5, 0), null).difference).toBe(0.5);
    expect(compare(of(0, 1000), of(0.5, 1000), null).difference).toBe(0.0005);
    expect(compare(of(-200, 10), of(-200, 12), null).difference).toBe(0.01);
  });

  test("one that is slower is not used, unless it was asked for", async () => {
    expect(refused((await chosen(new Stub(6), { wasm: new Stub(1) })).choice)).toMatchObject({ why: "slower", milliseconds: 6, wasm: 1 });
    expect((await chosen(new Stub(6), { wasm: new Stub(1), wanted: "webgpu" })).choice.provider).toBe("webgpu");
    const soft = { info: { description: "soft", isFallbackAdapter: true } };
    expect((await chosen(new Stub(0), { adapter: soft, wanted: "webgpu" })).choice.provider).toBe("webgpu");
  });

  test.each([0, 2])("one that throws in run %d is not", async (at) => {
    const gpu = new Stub(0, (scored, run) => {
      if (run === at) throw new Error("device lost");
      return scored;
    });
    expect(refused((await chosen(gpu)).choice)).toEqual({ why: "failed", device: "acme one", words: "device lost" });
  });

  test("one that cannot be opened is not", async () => {
    const choice = new Choice(new Stub(0), () => Promise.reject(new Error("no memory")), SIDE, null, "auto");
    expect(await choice.prepare({ gpu: offered(CARD), switches: true })).toBe(false);
    await choice.compare(unasked);
    expect(refused(choice)).toEqual({ why: "failed", device: "acme one", words: "no memory" });
  });

  test("can be interrupted, and nothing is decided then", async () => {
    const choice = new Choice(new Stub(0), async () => new Stub(0), SIDE, null, "auto");
    await choice.prepare({ gpu: offered(CARD), switches: true });
    await expect(choice.compare(() => Promise.reject(new Error("stopped")))).rejects.toThrow("stopped");
    expect(refused(choice)).toEqual({ why: "pending" });
  });

  test("tiles are the same on every visit, and different from one another", () => {
    const made = tiles(SIDE);
    expect(made).toEqual(tiles(SIDE));
    expect(new Set(made.map((tile) => tile.join())).size).toBe(5);
    expect(made.every((tile) => tile.length === SIDE * SIDE * 3)).toBe(true);
    const [, enlarged] = made;
    const at = (y: number, x: number): number => enlarged[(y * SIDE + x) * 3];
    expect([at(0, 1), at(1, 0), at(1, 1)]).toEqual([at(0, 0), at(0, 0), at(0, 0)]);
    expect(at(0, 2)).not.toBe(at(0, 0));
  });
});

describe("while pictures are looked at", () => {
  const tile = new Uint8Array(SIDE * SIDE * 3).fill(50);

  test("a doubted tile is scored by both, and WebAssembly's answer is taken", async () => {
    const gpu = new Stub(0, (scored) => ({ ...scored, logit: scored.logit + 1e-6 }));
    const { choice } = await chosen(gpu);
    expect((await choice.run(tile, true)).logit).toBe(50);
    expect((await choice.run(tile, false)).logit).toBe(50 + 1e-6);
    expect(choice.provider).toBe("webgpu");
  });

  test("one that comes to differ is not asked again", async () => {
    const gpu = new Stub(0, (scored, run) => (run > 5 ? { ...scored, logit: 7 } : scored));
    const { choice } = await chosen(gpu);
    expect(choice.provider).toBe("webgpu");
    expect((await choice.run(tile, true)).logit).toBe(50);
    expect(refused(choice)).toMatchObject({ why: "differs", what: "logit" });
    const runs = gpu.runs;
    expect((await choice.run(tile, true)).logit).toBe(50);
    expect(gpu.runs).toBe(runs);
  });

  test("one whose device is lost is replaced at once", async () => {
    const gpu = new Stub(0, (scored, run) => {
      if (run > 6) throw new Error("device lost");
      return scored;
    });
    const { choice } = await chosen(gpu);
    await choice.run(tile, false);
    expect((await choice.run(tile, false)).logit).toBe(50);
    expect(refused(choice)).toEqual({ why: "failed", device: "acme one", words: "device lost" });
  });
});
