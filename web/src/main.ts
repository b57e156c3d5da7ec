/** The page: takes pictures in, has them looked at, shows what was found. */

import { Client, type Job } from "./client";
import type { Card } from "./core/card";
import type { Opened, Row, Wanted } from "./protocol";
import { S } from "./strings";
import { byId, h } from "./ui/dom";
import { expertsPanel } from "./ui/experts";
import { intro } from "./ui/intro";
import { saysPanel } from "./ui/says";
import { Stability } from "./ui/stability";
import { type Entry, Table } from "./ui/table";
import { themeSwitch } from "./ui/theme";
import { errorPanel, verdictPanel } from "./ui/verdict";
import { placeholder, Viewer } from "./ui/viewer";

/**
 * `?system=NAME`, one of those under models/; for those who measure `?threads=N` and `?engine=wasm|webgpu`. What is
 * not said here, the server's settings.json says.
 */
function asked(): [system: string | null, threads: number, engine: Wanted] {
  const query = new URLSearchParams(location.search);
  const threads = Number(query.get("threads"));
  const engine = query.get("engine");
  return [
    query.get("system"),
    Number.isInteger(threads) && threads > 0 ? threads : 0,
    engine === "wasm" || engine === "webgpu" ? engine : "auto",
  ];
}

class Page {
  private readonly client = new Client();
  private readonly card: Promise<Card>;
  private readonly status = byId("status");
  private readonly result = byId("result");
  private readonly tablePlace = byId("table");
  private viewer: Viewer | null = null;
  private stability: Stability | null = null;
  private opening: Job<Opened> | null = null;
  private queue: Job<Row> | null = null;
  /** Grows with every new set of files, so that answers to old questions are dropped. */
  private turn = 0;
  /** The same for what is shown. */
  private showing = 0;

  constructor() {
    byId("skip").textContent = S.skip;
    byId("top").append(
      h("a", { class: "brand", href: "./" }, h("span", { class: "mark", "aria-hidden": "true" }), h("h1", {}, S.title)),
      h("p", { class: "tagline" }, S.tagline),
      themeSwitch(),
    );
    byId("intro").append(intro((files, pasted) => void this.take(files, pasted)));
    this.say(S.preparing);
    this.card = this.client.call("start", asked()).result;
    this.card
      .then((card) => {
        this.ready(card);
        return this.accelerate();
      })
      .catch((error: unknown) => this.broken(error));
  }

  /** See whether WebGPU can take over; pictures are looked at meanwhile. */
  private async accelerate(): Promise<void> {
    if (await this.client.call("prepare", []).result) await this.client.call("compare", []).result;
    document.body.dataset.settled = "";
  }

  private ready(card: Card): void {
    document.body.dataset.ready = "";
    byId("foot").append(
      h(
        "details",
        {},
        h("summary", {}, S.limits),
        h("ul", {}, ...card.limits.map((limit) => h("li", {}, limit))),
        h("p", { class: "small" }, `${card.title}: ${card.idea}. ${card.paper}.`),
      ),
      h(
        "details",
        {},
        h("summary", {}, S.about),
        h("p", {}, S.aboutText, " ", h("a", { href: "./THIRD_PARTY.md" }, S.licences), "."),
      ),
    );
    if (this.status.textContent === S.preparing) this.say("");
  }

  private say(text: string): void {
    this.status.textContent = text;
  }

  private broken(error: unknown): void {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    this.say("");
    this.result.replaceChildren(
      h(
        "section",
        { class: "verdict failed", role: "alert", "data-error": name },
        h("h2", {}, S.broken),
        h("p", {}, S.brokenHelp),
        h("p", { class: "small" }, h("code", {}, `${name}: ${message}`)),
      ),
    );
  }

  /** Look at a new set of files. */
  private async take(files: File[], pasted: boolean): Promise<void> {
    if (files.length === 0) return;
    const turn = ++this.turn;
    this.close();
    this.queue?.cancel();
    this.tablePlace.replaceChildren();
    document.body.dataset.busy = "";
    try {
      if (files.length === 1) await this.show(files[0], pasted);
      else await this.scanAll(files, turn);
    } catch (error) {
      if (!(error instanceof Error && error.name === "Cancelled")) this.broken(error);
    } finally {
      if (turn === this.turn) delete document.body.dataset.busy;
    }
  }

  private async scanAll(files: File[], turn: number): Promise<void> {
    const entries: Entry[] = files.map((file) => ({ file, row: null }));
    let stopped = false;
    const stop = (): void => {
      stopped = true;
      this.queue?.cancel();
    };
    const table = new Table(entries, (entry) => void this.openEntry(entry), stop);
    this.tablePlace.replaceChildren(table.element);
    document.body.classList.add("working");
    this.say("");
    for (const entry of entries) {
      if (stopped || turn !== this.turn) break;
      this.queue = this.client.call("scan", [entry.file]);
      try {
        entry.row = await this.queue.result;
      } catch (error) {
        if (!(error instanceof Error && error.name === "Cancelled")) throw error;
        break;
      }
      if (turn === this.turn) table.update();
    }
    if (turn === this.turn) table.update(true);
  }

  private async openEntry(entry: Entry): Promise<void> {
    this.close();
    try {
      await this.show(entry.file, false);
    } catch (error) {
      if (!(error instanceof Error && error.name === "Cancelled")) this.broken(error);
    }
  }

  /** Score one picture and lay everything out that is known of it. */
  private async show(file: File, pasted: boolean): Promise<void> {
    document.body.classList.add("working");
    const dropped = performance.now();
    this.say(S.waiting(file.name));
    const mine = ++this.showing;
    const card = await this.card;
    this.say(S.reading(file.name));
    this.opening = this.client.call("open", [file], (done, total) => this.say(S.looking(done, total)));
    const opened = await this.opening.result;
    if (mine !== this.showing) return;
    this.say("");
    if (opened.row.error !== null) {
      this.result.replaceChildren(errorPanel(opened.row));
      this.focus();
      return;
    }
    const verdict = verdictPanel(opened.row, card.calibration);
    if (pasted) verdict.append(h("p", { class: "small pasted" }, S.pasted));
    const stability = new Stability(this.client, opened);
    this.stability = stability;
    const left = h("div", { class: "column left" }, placeholder(opened), saysPanel(null));
    const grid = h("div", { class: "sheet-grid" }, h("div", { class: "column right" }, verdict, stability.element), left);
    this.result.replaceChildren(grid);
    this.result.dataset.ms = String(performance.now() - dropped);
    this.focus();
    try {
      await this.complete(opened, card, left, grid, mine);
      if (mine !== this.showing) return;
      this.result.dataset.complete = "";
      await stability.start();
    } catch (error) {
      if (mine === this.showing) throw error; // else the worker has another picture open, and says so
    }
  }

  /** What stands round the verdict, piece by piece; a newer picture ends it. */
  private async complete(opened: Opened, card: Card, left: HTMLElement, grid: HTMLElement, mine: number): Promise<void> {
    const calls = this.client;
    const picture = calls.call("picture", []).result;
    const says = calls.call("says", []).result;
    const hash = calls.call("pixelHash", []).result;
    for (const answer of [picture, says, hash]) answer.catch(() => undefined); // awaited below, in turn
    grid.append(expertsPanel(opened, card, hash));
    const { painting } = await picture;
    if (mine !== this.showing) return;
    const viewer = new Viewer(calls, opened, painting);
    this.viewer = viewer;
    left.firstElementChild?.replaceWith(viewer.element);
    await viewer.start();
    const said = await says;
    if (mine !== this.showing) return;
    left.lastElementChild?.replaceWith(saysPanel(said));
    await hash;
  }

  private focus(): void {
    document.getElementById("verdict-title")?.focus({ preventScroll: false });
  }

  private close(): void {
    this.showing++;
    this.opening?.cancel();
    this.viewer?.close();
    this.stability?.close();
    this.viewer = this.stability = null;
    this.result.replaceChildren();
    delete this.result.dataset.ms;
    delete this.result.dataset.complete;
  }
}

if (typeof WebAssembly === "object" && typeof Worker === "function") new Page();
else byId("status").textContent = S.noWorker;
