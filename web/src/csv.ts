/** Rows as CSV, with the columns and quoting of `upprint scan --out x.csv`. */

import { COLUMNS, type Row } from "./protocol";

export function toCsv(rows: readonly Row[]): string {
  const lines = [COLUMNS.join(","), ...rows.map((row) => COLUMNS.map((name) => field(row[name])).join(","))];
  return lines.map((line) => `${line}\r\n`).join("");
}

function field(value: string | number | null): string {
  const text = value === null ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
