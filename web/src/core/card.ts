/** The system's card, written by `upprint.card.SystemCard.to_json`; only what the page reads is typed. */

import { CardError } from "./errors";

export interface InputRule {
  tile: number;
  grid: number;
  /** Tiles per picture; null, which no card says, for all of them. */
  budget: number | null;
  pooling: "mean" | "max" | "median";
}

export interface Calibration {
  temperature: number;
  bias: number;
  thresholds: Record<string, number>;
  default_fpr: string;
  inconclusive: number;
  photos: number;
  data: string;
}

export interface Weights {
  onnx: string;
  onnx_sha256: string;
  trained_on: string;
  licence: string;
}

/** Whether a map shows where, on composites with known regions; see `upprint.card.MapTest`. */
export interface MapTest {
  map: string;
  beats_chance: boolean;
  auroc: number;
  low: number;
  high: number;
  weights_sha256: string;
}

export interface Card {
  name: string;
  title: string;
  paper: string;
  year: number;
  idea: string;
  parameters: number;
  input: InputRule;
  limits: string[];
  options: Record<string, unknown>;
  weights: Weights | null;
  calibration: Calibration | null;
  /** Cards of older systems have none. */
  maps?: MapTest[];
}

/** What is known of a map's worth; null where these weights' map was not tested. */
export function mapTest(card: Card, name: string): MapTest | null {
  const digest = card.weights?.onnx_sha256;
  return card.maps?.find((test) => test.map === name && test.weights_sha256 === digest) ?? null;
}

/** Read a card and check what the page relies on; Python has checked the rest when it was written. */
export function parseCard(text: string, origin: string): Card {
  let card: Card;
  try {
    card = JSON.parse(text) as Card;
  } catch (error) {
    throw new CardError(`${origin}: not a card in JSON (${String(error)})`);
  }
  const fail = (what: string): never => {
    throw new CardError(`${origin}: ${what}; export the system again`);
  };
  if (typeof card !== "object" || card === null) fail("not a card");
  const rule = card.input ?? fail("no input rule");
  for (const key of ["tile", "grid", "budget"] as const) {
    if (!(Number.isInteger(rule[key]) && Number(rule[key]) > 0)) fail(`input rule: ${key} is ${rule[key]}, expected at least 1`);
  }
  if (rule.grid > rule.tile) fail("input rule: the grid is wider than the tile");
  if (!["mean", "max", "median"].includes(rule.pooling)) fail(`input rule: unknown pooling ${rule.pooling}`);
  if (!card.weights?.onnx_sha256) fail("states no weights");
  const scale = card.calibration;
  if (scale) {
    const rates = Object.keys(scale.thresholds).map(Number);
    const logits = [scale.bias, scale.inconclusive, ...Object.values(scale.thresholds)];
    if (!(scale.temperature > 0) || !logits.every(Number.isFinite)) fail("calibration without finite numbers");
    if (!rates.every((rate) => rate > 0 && rate < 1)) fail("false-positive rates outside 0..1");
    if (!(scale.default_fpr in scale.thresholds)) fail(`no threshold for ${scale.default_fpr}`);
  }
  return card;
}
