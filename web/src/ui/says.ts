/** What the file says about itself, in words where they are known. */

import type { Statement } from "../file/says";
import { S } from "../strings";
import { h } from "./dom";

const SHORT = 180;

export function saysPanel(says: Statement[]): HTMLElement {
  const sources = (["c2pa", "xmp", "exif", "text"] as const).filter((one) => says.some((s) => s.source === one));
  return h(
    "section",
    { class: "panel says", "aria-labelledby": "says-title" },
    h("h2", { id: "says-title" }, S.says),
    h("p", { class: "small" }, S.saysText),
    ...(sources.length === 0 ? [h("p", {}, S.saysNothing)] : []),
    ...sources.flatMap((source) => [
      h("h3", {}, S.sources[source]),
      h("dl", {}, ...says.filter((one) => one.source === source).flatMap(line)),
    ]),
  );
}

function line({ source, name, value }: Statement): HTMLElement[] {
  if (source === "c2pa") return [h("dt", { class: "hidden" }, name), h("dd", { class: "wide" }, S.c2pa)];
  const words = name === "DigitalSourceType" ? S.sourceTypes[value.split("/").pop() ?? ""] : undefined;
  const body = words ? h("dd", {}, words, " ", h("code", {}, value)) : h("dd", {}, ...text(value));
  return [h("dt", {}, name), body];
}

function text(value: string): (Node | string)[] {
  if (value.length <= SHORT) return [value];
  return [
    h("details", {}, h("summary", {}, `${value.slice(0, SHORT)} … `, h("span", { class: "link" }, S.more)), h("pre", {}, value)),
  ];
}
