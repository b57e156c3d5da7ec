/** Whether the verdict survives re-saving and shrinking. */

import type { Client, Job } from "../client";
import { type Opened, type Treated, type Treatment, TREATMENTS } from "../protocol";
import { S } from "../strings";
import { h } from "./dom";

export class Stability {
  private readonly cells = new Map<Treatment, [HTMLElement, HTMLElement]>();
  private readonly sum = h("p", { class: "sum", role: "status" });
  readonly element: HTMLElement;
  private job: Job<Treated> | null = null;
  private closed = false;

  constructor(
    private readonly client: Client,
    private readonly opened: Opened,
  ) {
    const rows = TREATMENTS.map((treatment) => {
      const pair: [HTMLElement, HTMLElement] = [h("td", {}, S.pending), h("td", {}, "")];
      this.cells.set(treatment, pair);
      return h("tr", { "data-treatment": treatment }, h("th", { scope: "row" }, S.treatments[treatment]), ...pair);
    });
    const head = [S.treatment, S.outcome, S.stands].map((text) => h("th", { scope: "col" }, text));
    this.element = h(
      "section",
      { class: "panel stability", "aria-labelledby": "stability-title" },
      h("h2", { id: "stability-title" }, S.stability),
      h("p", { class: "small" }, S.stabilityText),
      h("table", {}, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...rows)),
      this.sum,
    );
  }

  close(): void {
    this.closed = true;
    this.job?.cancel();
  }

  async start(): Promise<void> {
    let changed = 0;
    for (const treatment of TREATMENTS) {
      if (this.closed) return;
      this.job = this.client.call("treat", [treatment]);
      const found = await this.job.result;
      const [outcome, stands] = this.cells.get(treatment)!;
      const same = found.verdict === this.opened.row.verdict;
      if (!same) changed++;
      const verdict = found.verdict ? S.bands[found.verdict] : S.signed(found.logit);
      const detail = found.probability === null ? "" : ` (${S.percent(found.probability)})`;
      outcome.replaceChildren(h("span", { class: "tag", "data-band": found.verdict ?? "" }, verdict), detail);
      outcome.dataset.logit = String(found.logit);
      stands.textContent = found.verdict === null ? "" : same ? `✓ ${S.holds}` : `✗ ${S.changes}`;
      stands.className = same ? "same" : "differs";
    }
    this.element.dataset.done = "";
    if (this.opened.row.verdict) this.sum.textContent = changed ? S.someChange(changed) : S.allHold;
  }
}
