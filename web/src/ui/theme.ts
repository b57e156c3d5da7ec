/** Light or dark, as the system has it or as chosen here for this visit. */

import { S } from "../strings";
import { h } from "./dom";

export function themeSwitch(): HTMLElement {
  const select = h("select", {
    id: "theme",
    change: () => {
      if (select.value === "auto") delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = select.value;
    },
  });
  for (const [value, text] of Object.entries(S.themes)) select.append(h("option", { value }, text));
  return h("div", { class: "theme" }, h("label", { for: "theme" }, S.theme), select);
}
