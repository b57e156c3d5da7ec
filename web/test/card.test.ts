import { describe, expect, it } from "vitest";

import { type Card, type MapTest, mapTest } from "../src/core/card";
import { S } from "../src/strings";

const TEST: MapTest = { map: "tile_cam", beats_chance: true, auroc: 0.736, low: 0.683, high: 0.784, weights_sha256: "ab" };
const card = (maps: MapTest[] | undefined): Card => ({ weights: { onnx_sha256: "ab" }, maps }) as unknown as Card;

describe("what is known of a map", () => {
  it("is the test of that map of these weights", () => {
    expect(mapTest(card([TEST]), "tile_cam")).toEqual(TEST);
    expect(mapTest(card([TEST]), "cam")).toBeNull();
    expect(mapTest(card([{ ...TEST, weights_sha256: "cd" }]), "tile_cam")).toBeNull();
    expect(mapTest(card(undefined), "tile_cam")).toBeNull();
  });

  it("is said in words, with its numbers", () => {
    expect(S.mapTest(TEST)).toBe(
      "In our test such maps found generated regions better than chance (pixel AUROC 0.74 [0.68, 0.78], 0.5 is chance).",
    );
    expect(S.mapTest({ ...TEST, beats_chance: false })).toContain("did not beat chance");
    expect(S.mapTest(null)).toContain("was not tested");
  });
});
