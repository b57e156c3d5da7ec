/** What the page was asked for: by `upprint serve` in settings.json, or by the address. */

import type { Card } from "./card";
import { CardError } from "./errors";

/** Null where the system's card decides. */
export interface Settings {
  system: string;
  /** One of the card's false-positive rates, as the card writes it. */
  fpr: string | null;
  /** Tiles per picture. */
  tiles: number | "all" | null;
}

export const SETTINGS = "settings.json";

export function parseSettings(text: string): Settings {
  const fail = (what: string): never => {
    throw new CardError(`${SETTINGS}: ${what}; serve the page with "upprint serve", or build it with "npm run dist"`);
  };
  let found: Partial<Settings> | null;
  try {
    found = JSON.parse(text) as Partial<Settings> | null;
  } catch (error) {
    return fail(`not JSON (${String(error)})`);
  }
  const { system, fpr = null, tiles = null } = found ?? {};
  if (typeof system !== "string" || !isName(system)) return fail(`system is ${JSON.stringify(system)}, expected a name`);
  if (fpr !== null && typeof fpr !== "string") return fail(`fpr is ${JSON.stringify(fpr)}, expected text`);
  const whole = typeof tiles === "number" && Number.isInteger(tiles) && tiles > 0;
  if (tiles !== null && tiles !== "all" && !whole) return fail(`tiles is ${JSON.stringify(tiles)}, expected a number or "all"`);
  return { system, fpr, tiles };
}

/** A file's name under models/, and nothing else. */
export const isName = (text: string): boolean => text !== "" && !/[/\\\p{Cc}]|^\./u.test(text);

/** The card as these settings ask for it, as `upprint.runtime.settings.Settings.resolve`. */
export function adjusted(card: Card, { fpr, tiles }: Settings): Card {
  const { calibration } = card;
  if (fpr !== null && !calibration) throw new CardError(`fpr is ${fpr}, but ${card.name} is not calibrated`);
  if (fpr !== null && calibration && !(fpr in calibration.thresholds)) {
    const known = Object.keys(calibration.thresholds).join(", ");
    throw new CardError(`fpr is ${fpr}, but ${card.name} has thresholds for ${known}`);
  }
  const budget = tiles === null ? card.input.budget : tiles === "all" ? null : tiles;
  return {
    ...card,
    input: { ...card.input, budget },
    calibration: calibration && { ...calibration, default_fpr: fpr ?? calibration.default_fpr },
  };
}
