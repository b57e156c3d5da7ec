/** From a logit to a probability and a verdict, as `upprint.runtime.calibration`. */

import type { Calibration } from "./card";

export type Verdict = "generated" | "inconclusive" | "no trace found";

/** sigmoid((logit - bias) / temperature), in [0, 1]. */
export function probability(logit: number, calibration: Calibration): number {
  const z = (logit - calibration.bias) / calibration.temperature;
  if (z >= 0) return 1 / (1 + Math.exp(-z));
  const growth = Math.exp(z); // never overflows: z < 0
  return growth / (1 + growth);
}

/** `generated` from the threshold of `fpr` upwards, `inconclusive` from `calibration.inconclusive`. */
export function verdict(logit: number, calibration: Calibration, fpr = calibration.default_fpr): Verdict {
  if (logit >= calibration.thresholds[fpr]) return "generated";
  return logit >= calibration.inconclusive ? "inconclusive" : "no trace found";
}
