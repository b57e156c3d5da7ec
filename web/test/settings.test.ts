/** What the server asks of the page, and how a card is adjusted to it. */

import { describe, expect, test } from "vitest";
import { parseCard } from "../src/core/card";
import { adjusted, isName, parseSettings } from "../src/core/settings";

const card = parseCard(
  JSON.stringify({
    name: "any", title: "", paper: "", year: 2024, idea: "", parameters: 1, limits: [], options: {},
    input: { tile: 32, grid: 8, budget: 9, pooling: "mean" }, weights: { onnx: "any.onnx", onnx_sha256: "00" },
    calibration: {
      temperature: 1, bias: 0, thresholds: { "0.01": 1, "0.001": 2 }, default_fpr: "0.01", inconclusive: 0, photos: 1, data: "",
    },
  }),
  "card",
);

describe("settings.json", () => {
  test("leaves to the card what it does not say", () => {
    expect(parseSettings('{"system": "any"}')).toEqual({ system: "any", fpr: null, tiles: null });
    expect(adjusted(card, { system: "any", fpr: null, tiles: null })).toEqual(card);
  });

  test("changes threshold and tiles, and nothing else", () => {
    const asked = parseSettings('{"system": "any", "fpr": "0.001", "tiles": 4}');
    expect(adjusted(card, asked)).toEqual({
      ...card,
      input: { ...card.input, budget: 4 },
      calibration: { ...card.calibration, default_fpr: "0.001" },
    });
    expect(adjusted(card, { ...asked, tiles: "all" }).input.budget).toBeNull();
    expect(card.input.budget).toBe(9);
  });

  test.each([
    "", "null", "[]", "{}", '{"system": 1}', '{"system": "../x"}', '{"system": "a", "fpr": 0.01}',
    '{"system": "a", "tiles": 0}', '{"system": "a", "tiles": 1.5}', '{"system": "a", "tiles": "some"}',
  ])("that says %s is refused by name", (text) => {
    expect(() => parseSettings(text)).toThrow(/^settings\.json: .*upprint serve/);
  });

  test("with a rate that the card lacks, or for a card without calibration", () => {
    expect(() => adjusted(card, { system: "any", fpr: "0.05", tiles: null })).toThrow("thresholds for 0.01, 0.001");
    const plain = { ...card, calibration: null };
    expect(() => adjusted(plain, { system: "any", fpr: "0.01", tiles: null })).toThrow("not calibrated");
    expect(adjusted(plain, { system: "any", fpr: null, tiles: 1 }).calibration).toBeNull();
  });
});

test.each([["npr", true], ["my system.v2", true], ["", false], ["a/b", false], ["..", false], [".a", false], ["a\\b", false], ["a\n", false]])(
  "%j is a name: %s",
  (text, expected) => expect(isName(text)).toBe(expected),
);
