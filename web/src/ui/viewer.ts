/** The picture with its maps: what is shown, how strongly, how large. */

import { DIVERGING } from "../core/colour";
import type { Client, Job } from "../client";
import type { NprMap, Opened, Painting, WhereMap } from "../protocol";
import { S } from "../strings";
import { freshId, h, paint } from "./dom";

type View = "picture" | "where" | "npr";

const ZOOMS = [1, 1.5, 2, 3, 4, 6, 8, 12, 16];

/** Keeps the viewer's place, in the picture's proportions, until the picture is painted. */
export function placeholder({ row }: Opened): HTMLElement {
  const sheet = h("div", { class: "sheet" });
  sheet.style.setProperty("--ratio", String((row.width ?? 1) / (row.height ?? 1)));
  const stage = h("div", { class: "stage" }, sheet);
  return h("figure", { class: "viewer pending", "aria-busy": "true" }, stage, h("figcaption", {}, S.drawing));
}

export class Viewer {
  readonly element: HTMLElement;
  private readonly base = h("canvas", { role: "img" });
  private readonly map = h("canvas", { class: "map", role: "img" });
  private readonly sheet = h("div", { class: "sheet" }, this.base, this.map);
  private readonly stage = h("div", { class: "stage", tabindex: 0, role: "group", "aria-label": S.stage }, this.sheet);
  private readonly caption = h("figcaption", { "aria-live": "polite" });
  private readonly legend = h("div", { class: "legend" });
  private readonly opacity = h("input", { type: "range", min: 0, max: 100, value: 80, input: () => this.fade() });
  private readonly tools = h("div", { class: "tools second" });
  private readonly whole = h("div", { class: "whole" });
  private readonly zoomText = h("output", {});
  private view: View = "where";
  private channel = 1;
  private zoom = 0;
  private where: WhereMap | null = null;
  private job: Job<unknown> | null = null;

  constructor(
    private readonly client: Client,
    private readonly opened: Opened,
    private readonly picture: Painting,
  ) {
    const { row } = opened;
    paint(this.base, picture.rgba, picture.width, picture.height);
    this.base.setAttribute("aria-label", S.pictureAlt(row.path, row.width ?? 0, row.height ?? 0));
    this.sheet.style.setProperty("--ratio", String(picture.width / picture.height));
    const name = freshId("view");
    const views = (["picture", "where", "npr"] as const).map((view) =>
      h(
        "label",
        {},
        h("input", {
          type: "radio", name, value: view, checked: view === this.view, change: () => void this.show(view),
        }),
        h("span", {}, S.views[view]),
      ),
    );
    this.element = h(
      "figure",
      { class: "viewer", "aria-label": S.viewer },
      h(
        "div",
        { class: "tools" },
        h("fieldset", { class: "segments" }, h("legend", { class: "hidden" }, S.show), ...views),
        h(
          "div",
          { class: "zoom", role: "group", "aria-label": S.zoom },
          h("button", { type: "button", "aria-label": S.zoomOut, click: () => this.enlarge(this.zoom - 1) }, "−"),
          this.zoomText,
          h("button", { type: "button", "aria-label": S.zoomIn, click: () => this.enlarge(this.zoom + 1) }, "+"),
          h("button", { type: "button", click: () => this.enlarge(0) }, S.zoomFit),
        ),
      ),
      this.stage,
      this.tools,
      this.caption,
      this.legend,
      this.whole,
    );
    this.drag();
    this.enlarge(0);
  }

  /** The first view; resolves once it is painted. */
  async start(): Promise<void> {
    await this.show("where");
  }

  close(): void {
    this.job?.cancel();
  }

  private async show(view: View): Promise<void> {
    this.view = view;
    this.element.dataset.view = view;
    this.tools.replaceChildren();
    this.legend.replaceChildren();
    this.map.hidden = view === "picture";
    this.base.classList.toggle("faded", view === "where");
    if (view === "picture") {
      this.map.hidden = true;
      this.caption.textContent = S.pictureCaption(this.opened.row.width ?? 0, this.opened.row.height ?? 0);
    } else if (view === "where") {
      this.where ??= await this.client.call("where", [false]).result;
      if (this.view === "where") this.showWhere(this.where);
    } else {
      const map = await this.client.call("npr", [this.channel]).result;
      if (this.view === "npr") this.showNpr(map);
    }
    this.fade();
  }

  private showWhere(where: WhereMap): void {
    const { painting, summary, limit } = where;
    const { width, height } = this.opened.row;
    paint(this.map, painting.rgba.slice(), painting.width, painting.height);
    this.map.style.width = `${(100 * where.width) / (width ?? 1)}%`;
    this.map.style.height = `${(100 * where.height) / (height ?? 1)}%`;
    const [share, place] = [S.percent(summary.share), S.places[summary.place[0]][summary.place[1]]];
    this.map.setAttribute("aria-label", S.whereAlt(share, place));
    const id = freshId("opacity");
    this.opacity.id = id;
    this.tools.replaceChildren(h("label", { for: id }, S.opacity), this.opacity);
    this.legend.replaceChildren(ramp(), h("p", {}, h("span", {}, `← ${S.camera}`), h("span", {}, `${S.generated} →`)));
    this.legend.title = `±${limit}`;
    const seen = where.complete ? S.wholly : S.partly(where.tiles.length, where.all, S.percent(summary.seen));
    this.caption.textContent = `${S.whereCaption(share, place)} ${seen} ${S.mapTest(where.tested)}`;
    this.offerWhole(where);
  }

  private offerWhole(where: WhereMap): void {
    if (where.complete) {
      if (where.tiles.length > this.opened.tiles.length) {
        this.whole.replaceChildren(h("p", { class: "small" }, S.wholeLogit(S.signed(where.logit))));
      }
      return;
    }
    const button = h("button", { type: "button", click: () => void this.lookAtAll() }, S.whole(where.all));
    this.whole.replaceChildren(button);
  }

  private async lookAtAll(): Promise<void> {
    const bar = h("progress", { max: 1, value: 0, "aria-label": S.whole(this.where?.all ?? 0) });
    const job = this.client.call("where", [true], (done, total) => (bar.value = done / total));
    this.job = job;
    this.whole.replaceChildren(bar, h("button", { type: "button", click: () => job.cancel() }, S.stop));
    try {
      this.where = await job.result;
      this.whole.replaceChildren();
    } catch (error) {
      if (!(error instanceof Error && error.name === "Cancelled")) throw error;
    }
    if (this.where) {
      if (this.view === "where") this.showWhere(this.where);
      else this.offerWhole(this.where);
    }
  }

  private showNpr(map: NprMap): void {
    const { painting } = map;
    paint(this.map, painting.rgba, painting.width, painting.height);
    this.map.style.width = this.map.style.height = "100%";
    this.map.setAttribute("aria-label", S.nprAlt(S.channels[this.channel]));
    const name = freshId("channel");
    this.tools.replaceChildren(
      h(
        "fieldset",
        { class: "segments" },
        h("legend", {}, S.channel),
        ...S.channels.map((text, index) =>
          h(
            "label",
            {},
            h("input", { type: "radio", name, checked: index === this.channel, change: () => void this.pick(index) }),
            h("span", {}, text),
          ),
        ),
      ),
    );
    const low = `−${map.limit} ${S.darker}`;
    const high = `${S.brighter} +${map.limit}`;
    this.legend.replaceChildren(ramp(), h("p", {}, h("span", {}, low), h("span", {}, high)));
    this.caption.textContent = S.nprCaption(map.factor, map.block, map.anchor, map.own);
  }

  private async pick(channel: number): Promise<void> {
    this.channel = channel;
    const map = await this.client.call("npr", [channel]).result;
    if (this.view !== "npr" || this.channel !== channel) return;
    paint(this.map, map.painting.rgba, map.painting.width, map.painting.height);
    this.map.setAttribute("aria-label", S.nprAlt(S.channels[channel]));
  }

  private fade(): void {
    const strength = this.view === "where" ? Number(this.opacity.value) / 100 : 1;
    this.map.style.opacity = String(strength);
    this.base.style.setProperty("--strength", String(this.view === "where" ? strength : 0));
  }

  private enlarge(index: number): void {
    const { stage } = this;
    const before = ZOOMS[this.zoom];
    this.zoom = Math.min(ZOOMS.length - 1, Math.max(0, index));
    const factor = ZOOMS[this.zoom];
    const centre = [stage.scrollLeft + stage.clientWidth / 2, stage.scrollTop + stage.clientHeight / 2];
    this.sheet.style.setProperty("--zoom", String(factor));
    this.stage.classList.toggle("zoomed", factor > 1);
    this.zoomText.textContent = `× ${factor}`;
    stage.scrollLeft = (centre[0] * factor) / before - stage.clientWidth / 2;
    stage.scrollTop = (centre[1] * factor) / before - stage.clientHeight / 2;
    const shown = (this.sheet.clientWidth * devicePixelRatio) / this.picture.width;
    this.sheet.classList.toggle("coarse", shown > 2);
  }

  /** Move the enlarged picture with mouse or pen; touch and keys scroll by themselves. */
  private drag(): void {
    this.stage.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "touch" || event.button !== 0) return;
      this.stage.setPointerCapture(event.pointerId);
    });
    this.stage.addEventListener("pointermove", (event) => {
      if (!this.stage.hasPointerCapture(event.pointerId)) return;
      this.stage.scrollBy(-event.movementX, -event.movementY);
    });
  }
}

function ramp(): HTMLCanvasElement {
  const canvas = h("canvas", { class: "ramp", "aria-hidden": "true" });
  const rgba = new Uint8ClampedArray(255 * 4).fill(255);
  for (let i = 0; i < 255; i++) rgba.set(DIVERGING.subarray(i * 3, i * 3 + 3), i * 4);
  paint(canvas, rgba, 255, 1);
  return canvas;
}
