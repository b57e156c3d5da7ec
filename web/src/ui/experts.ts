/** Numbers, hashes and the card, folded away. */

import type { Card } from "../core/card";
import type { Opened } from "../protocol";
import { S } from "../strings";
import { h } from "./dom";

/** `pixelHash` is filled in once it is there. */
export function expertsPanel({ row, tiles, tile, seconds, inference }: Opened, card: Card, pixelHash: Promise<string>): HTMLElement {
  const scale = card.calibration;
  const thresholds = scale && Object.entries(scale.thresholds).map(([fpr, logit]) => `${logit} at ${fpr}`).join(", ");
  const facts: [string, string | null, string?][] = [
    [S.facts.logit, String(row.logit), "logit"],
    [S.facts.probability, row.probability === null ? null : String(row.probability), "probability"],
    [S.facts.thresholds, thresholds],
    [S.facts.chosen, scale && S.threshold(scale.thresholds[scale.default_fpr], scale.default_fpr), "threshold"],
    [S.facts.inconclusive, scale && String(scale.inconclusive)],
    [S.facts.tiles, tiles.map(({ top, left, logit }) => `${top}, ${left}: ${S.signed(logit)}`).join("; "), "tiles"],
    [S.facts.format, row.format, "format"],
    [S.facts.size, S.size(row.width ?? 0, row.height ?? 0, tile)],
    [S.facts.notes, row.notes ?? S.none, "notes"],
    [S.facts.fileHash, row.sha256, "sha256"],
    [S.facts.pixelHash, S.working, "pixels"],
    [S.facts.system, `${card.name}: ${card.title}. ${card.idea}.`],
    [S.facts.paper, card.paper],
    [S.facts.trained, card.weights?.trained_on ?? null],
    [S.facts.calibrated, scale && S.photos(scale.photos, scale.data)],
    [S.facts.modelHash, card.weights?.onnx_sha256 ?? null],
    [S.facts.engine, [S.engine(inference), inference.refusal && S.refused(inference.refusal)].filter(Boolean).join(". "), "engine"],
    [S.facts.time, S.seconds(seconds), "seconds"],
  ];
  const panel = h(
    "details",
    { class: "panel experts", "data-threads": inference.threads, "data-provider": inference.provider },
    h("summary", {}, h("h2", {}, S.experts)),
    h(
      "dl",
      {},
      ...facts
        .filter(([, value]) => value !== null)
        .flatMap(([term, value, key]) => [h("dt", {}, term), h("dd", key ? { "data-fact": key } : {}, value)]),
    ),
  );
  pixelHash.then(
    (hash) => panel.querySelector("[data-fact=pixels]")?.replaceChildren(hash),
    () => undefined, // another picture was opened meanwhile
  );
  return panel;
}
