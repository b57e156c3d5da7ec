/** What the file says about itself, in words where they are known. */

import type { Credentials } from "../file/c2pa";
import type { Statement } from "../file/says";
import type { Said } from "../protocol";
import { S } from "../strings";
import { h } from "./dom";

const SHORT = 180;

/** `said` null while the file is being read. */
export function saysPanel(said: Said | null): HTMLElement {
  return h(
    "section",
    { class: "panel says", "aria-labelledby": "says-title" },
    h("h2", { id: "says-title" }, S.says),
    h("p", { class: "small" }, S.saysText),
    ...(said ? found(said) : [h("p", {}, S.pending)]),
  );
}

function found({ statements, credentials }: Said): HTMLElement[] {
  const sources = (["xmp", "exif", "text"] as const).filter((one) => statements.some((s) => s.source === one));
  if (sources.length === 0 && !credentials) return [h("p", {}, S.saysNothing)];
  return [
    ...(credentials ? [h("h3", {}, S.sources.c2pa), manifest(credentials)] : []),
    ...sources.flatMap((source) => [
      h("h3", {}, S.sources[source]),
      h("dl", {}, ...statements.filter((one) => one.source === source).flatMap(line)),
    ]),
  ];
}

function manifest(credentials: Credentials): HTMLElement {
  const { trust, reasons, types } = credentials;
  const words = S.c2pa[trust];
  return h(
    "dl",
    { class: "c2pa", "data-trust": trust },
    h("dt", {}, S.c2paParts.signer),
    h("dd", { "data-c2pa": "text" }, words.text ?? S.c2paSigned(credentials)),
    h("dt", {}, S.c2paParts.trust),
    h("dd", { "data-c2pa": "trust" }, words.trust(reasons)),
    ...types.flatMap(({ value, action, earlier }) => [
      h("dt", {}, S.c2paAction(action, earlier)),
      h("dd", {}, ...typed(value)),
    ]),
  );
}

function line({ name, value }: Statement): HTMLElement[] {
  return [h("dt", {}, name), h("dd", {}, ...(name === "DigitalSourceType" ? typed(value) : text(value)))];
}

/** An IPTC digital source type: what it means, and the code. */
function typed(value: string): (Node | string)[] {
  const words = S.sourceTypes[value.trim().split("/").pop() ?? ""];
  return words ? [words, " ", h("code", {}, value)] : text(value);
}

function text(value: string): (Node | string)[] {
  if (value.length <= SHORT) return [value];
  return [
    h("details", {}, h("summary", {}, `${value.slice(0, SHORT)} … `, h("span", { class: "link" }, S.more)), h("pre", {}, value)),
  ];
}
