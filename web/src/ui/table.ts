/** Several pictures: a table that can be sorted, opened row by row, and taken away as CSV. */

import { toCsv } from "../csv";
import type { Row } from "../protocol";
import { S } from "../strings";
import { h } from "./dom";

type Column = keyof typeof S.columns;
const COLUMNS = Object.keys(S.columns) as Column[];
const ORDER = ["generated", "inconclusive", "no trace found"];

export interface Entry {
  file: File;
  row: Row | null;
}

export class Table {
  readonly element: HTMLElement;
  private readonly body = h("tbody", {});
  private readonly heads = new Map<Column, HTMLTableCellElement>();
  private readonly state = h("p", { class: "small", role: "status" });
  private readonly bar = h("progress", { max: 1, value: 0, "aria-label": S.tableProgress(0, 0) });
  private sorted: { column: Column; down: boolean } | null = null;

  constructor(
    private readonly entries: Entry[],
    private readonly open: (entry: Entry) => void,
    stop: () => void,
  ) {
    const head = COLUMNS.map((column) => {
      const button = h("button", { type: "button", click: () => this.sort(column) }, S.columns[column]);
      const cell = h("th", { scope: "col", "data-column": column }, button);
      this.heads.set(column, cell);
      return cell;
    });
    const stopButton = h("button", { type: "button", class: "quiet stop", click: stop }, S.stop);
    this.element = h(
      "section",
      { class: "panel table", "aria-labelledby": "table-title" },
      h(
        "div",
        { class: "tools" },
        h("h2", { id: "table-title", tabindex: -1 }, S.tableTitle(entries.length)),
        h("button", { type: "button", class: "csv", click: () => this.download() }, S.csv),
      ),
      h("div", { class: "progress" }, this.bar, stopButton),
      this.state,
      h(
        "div",
        { class: "scroll", tabindex: 0, role: "region", "aria-label": S.tableTitle(entries.length) },
        h("table", {}, h("thead", {}, h("tr", {}, ...head)), this.body),
      ),
    );
    this.update();
  }

  /** Draw the rows anew; `stopped` when no more will come. */
  update(stopped = false): void {
    const rows = this.entries.flatMap(({ row }) => (row ? [row] : []));
    const finished = stopped || rows.length === this.entries.length;
    this.bar.value = rows.length / this.entries.length;
    this.element.classList.toggle("finished", finished);
    const count = (verdict: string): number => rows.filter((row) => row.verdict === verdict).length;
    const sum = S.tableDone(...(ORDER.map(count) as [number, number, number]), rows.filter((row) => row.error).length);
    this.state.textContent = finished ? sum : S.tableProgress(rows.length, this.entries.length);
    this.body.replaceChildren(...this.ordered().map((entry) => this.line(entry)));
  }

  private ordered(): Entry[] {
    if (!this.sorted) return this.entries;
    const { column, down } = this.sorted;
    const sign = down ? -1 : 1;
    return [...this.entries].sort((a, b) => {
      const [first, second] = [key(a, column), key(b, column)];
      if (first === null || second === null) return first === second ? 0 : first === null ? 1 : -1;
      return sign * (typeof first === "string" ? first.localeCompare(String(second)) : first - Number(second));
    });
  }

  private sort(column: Column): void {
    const down = this.sorted?.column === column ? !this.sorted.down : column === "probability";
    this.sorted = { column, down };
    for (const [name, cell] of this.heads) {
      if (name === column) cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }
    this.update(this.element.classList.contains("finished"));
  }

  private line(entry: Entry): HTMLElement {
    const { row, file } = entry;
    const name = h("button", { type: "button", class: "link", click: () => this.open(entry) }, file.name);
    const verdict = row?.verdict ? S.bands[row.verdict] : row?.error ? S.error : "";
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, name),
      h("td", {}, verdict && h("span", { class: "tag", "data-band": row?.verdict ?? "error" }, verdict)),
      h("td", { class: "number" }, row?.probability == null ? "" : S.percent(row.probability)),
      h("td", { class: "number" }, row?.width ? `${row.width} × ${row.height}` : ""),
      h("td", {}, row?.format ?? ""),
      h("td", { class: "notes" }, row?.error ?? row?.notes ?? ""),
    );
  }

  private download(): void {
    const rows = this.entries.flatMap(({ row }) => (row ? [row] : []));
    const url = URL.createObjectURL(new Blob([toCsv(rows)], { type: "text/csv" }));
    h("a", { href: url, download: S.csvName }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }
}

function key({ file, row }: Entry, column: Column): string | number | null {
  if (column === "path") return file.name;
  if (!row) return null;
  if (column === "verdict") return row.verdict ? ORDER.indexOf(row.verdict) : ORDER.length;
  if (column === "probability") return row.probability ?? row.logit;
  if (column === "size") return row.width === null || row.height === null ? null : row.width * row.height;
  if (column === "format") return row.format;
  return row.error ?? row.notes;
}
