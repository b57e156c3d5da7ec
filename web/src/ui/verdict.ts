/** The verdict in words, and the calibrated probability on its scale. */

import { probability } from "../core/calibration";
import type { Calibration } from "../core/card";
import type { Row } from "../protocol";
import { type Reading, S } from "../strings";
import { h } from "./dom";

export function verdictPanel(row: Row, calibration: Calibration | null): HTMLElement {
  const reading = read(row, calibration);
  const kind = row.verdict ?? "none";
  return h(
    "section",
    { class: "verdict", "data-verdict": kind, "data-logit": String(row.logit), "aria-labelledby": "verdict-title" },
    h("p", { class: "eyebrow" }, S.verdict, " · ", h("span", { class: "name" }, row.path)),
    h("h2", { id: "verdict-title", tabindex: -1 }, reading.title),
    h("p", { class: "lead" }, reading.lead),
    calibration && row.probability !== null ? scale(row, row.probability, calibration) : null,
    h("h3", {}, S.means),
    list(reading.means),
    h("h3", {}, S.meansNot),
    list(reading.not),
  );
}

function read(row: Row, calibration: Calibration | null): Reading {
  if (!row.verdict || !calibration) return S.uncalibrated;
  return S.readings[row.verdict](calibration.default_fpr, calibration.photos);
}

const list = (items: string[]): HTMLElement => h("ul", {}, ...items.map((item) => h("li", {}, item)));

function scale(row: Row, value: number, calibration: Calibration): HTMLElement {
  const ends = [calibration.inconclusive, calibration.thresholds[calibration.default_fpr]].map(
    (logit) => probability(logit, calibration) * 100,
  );
  const verdict = row.verdict ?? "inconclusive";
  const svg = drawn(value * 100, ends[0], ends[1]);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", S.probabilityAlt(S.percent(value), S.bands[verdict]));
  return h(
    "div",
    { class: "scale" },
    h("p", { class: "figure" }, h("strong", {}, S.percent(value)), " ", h("span", {}, S.probability)),
    svg,
    h(
      "p",
      { class: "key", "aria-hidden": "true" },
      ...(["no trace found", "inconclusive", "generated"] as const).map((name) =>
        h("span", { class: name === verdict ? "band now" : "band", "data-band": name }, S.bands[name]),
      ),
    ),
    h("p", { class: "small" }, S.probabilityNote),
  );
}

const NS = "http://www.w3.org/2000/svg";

function shape(name: string, attributes: Record<string, string | number>): SVGElement {
  const element = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}

function drawn(at: number, low: number, high: number): SVGElement {
  const svg = shape("svg", { class: "bar", viewBox: "0 0 100 9", preserveAspectRatio: "none" });
  const band = (from: number, to: number, name: string): SVGElement =>
    shape("rect", { x: from, y: 2.5, width: Math.max(0, to - from), height: 4, class: "zone", "data-band": name });
  svg.append(band(0, low, "no trace found"), band(low, high, "inconclusive"), band(high, 100, "generated"));
  const x = Math.min(99.5, Math.max(0.5, at));
  svg.append(shape("rect", { x: x - 0.5, y: 0, width: 1, height: 9, class: "marker" }));
  return svg;
}

/** A file that could not be looked at, by its named error. */
export function errorPanel(row: Row): HTMLElement {
  const [name, rest] = split(row.error ?? "");
  const [found, expected, remedy] = rest;
  return h(
    "section",
    { class: "verdict failed", "data-error": name, "aria-labelledby": "verdict-title" },
    h("p", { class: "eyebrow" }, h("span", { class: "name" }, row.path)),
    h("h2", { id: "verdict-title", tabindex: -1 }, S.failed),
    h("p", { class: "lead" }, `${S.failures[name] ?? name}.`),
    h(
      "dl",
      {},
      ...[[S.found, found], [S.expected, expected?.replace(/^expected /, "")], [S.remedy, remedy]]
        .filter(([, text]) => text)
        .flatMap(([term, text]) => [h("dt", {}, term), h("dd", {}, text)]),
    ),
    h("p", { class: "small" }, h("code", {}, name)),
  );
}

/** "Name: found; expected …; remedy" in its parts. */
function split(text: string): [string, string[]] {
  const at = text.indexOf(": ");
  return [text.slice(0, at), text.slice(at + 2).split("; ")];
}
