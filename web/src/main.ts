/** The page: takes pictures in, has them looked at, shows what was found. */

import { Client, type Job } from "./client";
import type { Engine, Opened, Row } from "./protocol";
import { S } from "./strings";
import { byId, h } from "./ui/dom";
import { expertsPanel } from "./ui/experts";
import { intro } from "./ui/intro";
import { saysPanel } from "./ui/says";
import { Stability } from "./ui/stability";
import { type Entry, Table } from "./ui/table";
import { themeSwitch } from "./ui/theme";
import { errorPanel, verdictPanel } from "./ui/verdict";
import { Viewer } from "./ui/viewer";

/** `?system=NAME`, one of those under models/, and `?threads=N`, for those who measure. */
function settings(): [system: string, threads: number] {
  const query = new URLSearchParams(location.search);
  const system = query.get("system") ?? "";
  const threads = Number(query.get("threads"));
  return [/^[\w-]+$/.test(system) ? system : "npr", Number.isInteger(threads) && threads > 0 ? threads : 0];
}

class Page {
  private readonly client = new Client();
  private readonly engine: Promise<Engine>;
  private readonly status = byId("status");
  private readonly result = byId("result");
  private readonly tablePlace = byId("table");
  private viewer: Viewer | null = null;
  private stability: Stability | null = null;
  private opening: Job<Opened> | null = null;
  private queue: Job<Row> | null = null;
  /** Grows with every new set of files, so that answers to old questions are dropped. */
  private turn = 0;

  constructor() {
    byId("skip").textContent = S.skip;
    byId("top").append(
      h("a", { class: "brand", href: "./" }, h("span", { class: "mark", "aria-hidden": "true" }), h("h1", {}, S.title)),
      h("p", { class: "tagline" }, S.tagline),
      themeSwitch(),
    );
    byId("intro").append(intro((files, pasted) => void this.take(files, pasted)));
    this.say(S.preparing);
    this.engine = this.client.call("start", settings()).result;
    this.engine.then(
      (engine) => this.ready(engine),
      (error: unknown) => this.broken(error),
    );
  }

  private ready(engine: Engine): void {
    document.body.dataset.ready = "";
    byId("foot").append(
      h(
        "details",
        {},
        h("summary", {}, S.limits),
        h("ul", {}, ...engine.card.limits.map((limit) => h("li", {}, limit))),
        h("p", { class: "small" }, `${engine.card.title}: ${engine.card.idea}. ${engine.card.paper}.`),
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
    const engine = await this.engine;
    this.say(S.reading(file.name));
    this.opening = this.client.call("open", [file], (done, total) => this.say(S.looking(done, total)));
    const opened = await this.opening.result;
    this.say("");
    if (opened.row.error !== null) {
      this.result.replaceChildren(errorPanel(opened.row));
      this.focus();
      return;
    }
    const viewer = new Viewer(this.client, opened, async () => undefined);
    const stability = new Stability(this.client, opened);
    this.viewer = viewer;
    this.stability = stability;
    const verdict = verdictPanel(opened.row, engine.card.calibration);
    if (pasted) verdict.append(h("p", { class: "small pasted" }, S.pasted));
    this.result.replaceChildren(
      h(
        "div",
        { class: "sheet-grid" },
        h("div", { class: "column right" }, verdict, stability.element),
        h("div", { class: "column left" }, viewer.element, saysPanel(opened.says)),
        expertsPanel(opened, engine),
      ),
    );
    this.result.dataset.ms = String(performance.now() - dropped);
    this.focus();
    await viewer.start();
    await stability.start();
  }

  private focus(): void {
    document.getElementById("verdict-title")?.focus({ preventScroll: false });
  }

  private close(): void {
    this.opening?.cancel();
    this.viewer?.close();
    this.stability?.close();
    this.viewer = this.stability = null;
    this.result.replaceChildren();
    delete this.result.dataset.ms;
  }
}

if (typeof WebAssembly === "object" && typeof Worker === "function") new Page();
else byId("status").textContent = S.noWorker;
