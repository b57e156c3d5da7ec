/** The ways in: drop, paste, choose. */

import { S } from "../strings";
import { byId, h } from "./dom";

type Take = (files: File[], pasted: boolean) => void;

export function intro(take: Take): HTMLElement {
  const input = h("input", {
    type: "file",
    id: "file",
    class: "hidden",
    multiple: true,
    accept: "image/*,.heic,.heif,.avif,.tif,.tiff",
    change: () => {
      const files = [...(input.files ?? [])];
      input.value = ""; // the same file may be chosen again
      take(files, false);
    },
  });
  listen(take);
  return h(
    "div",
    {},
    h("div", { class: "hero" }, h("h2", {}, S.hero), h("p", {}, S.heroText)),
    h(
      "div",
      { class: "drop", id: "drop" },
      h("p", { class: "big" }, S.dropTitle),
      h("p", { class: "choose" }, h("span", {}, S.dropText), input, h("label", { for: "file", class: "button" }, h("span", { class: "first" }, S.choose), h("span", { class: "next" }, S.another))),
      h("p", { class: "small formats" }, S.formats),
    ),
    h("p", { class: "stays" }, h("span", { class: "lock", "aria-hidden": "true" }), S.stays),
  );
}

function listen(take: Take): void {
  const body = document.body;
  let depth = 0;
  const over = (on: boolean): void => {
    body.classList.toggle("dragging", on);
    byId("drop").dataset.hint = on ? S.dropNow : "";
  };
  window.addEventListener("dragenter", () => over(++depth > 0));
  window.addEventListener("dragleave", () => over(--depth > 0));
  window.addEventListener("dragover", (event) => event.preventDefault());
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    over(false);
    take([...(event.dataTransfer?.files ?? [])], false);
  });
  window.addEventListener("paste", (event) => take([...(event.clipboardData?.files ?? [])], true));
}
