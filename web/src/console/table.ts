/** A table whose rows live on while their figures change; on a phone each row is a card (see table.css). */
import { h } from "../dom";
import { focusTitle } from "./view";

export interface Column<Row> {
  label: string;
  /** The words of a cell. */
  text: (row: Row) => string;
  /** What a cell is ordered by, when the column can be chosen to order by. */
  value?: (row: Row) => number | string;
  /** A figure: set to the right, and ordered from the most; else from A. */
  isFigure?: boolean;
  /** A class by what the row says. */
  tone?: (row: Row) => "" | "bad" | "warn" | "soft" | "code";
  /** Elements that are made once, around or beside the words; `row` gives what the row is at that moment. */
  make?: (words: HTMLElement, row: () => Row) => Node;
}

/** A finger hovers for ever over what it touched last: that holds nothing. */
const hovers = matchMedia("(hover: hover)");

interface Line<Row> {
  element: HTMLTableRowElement;
  row: Row;
  words: HTMLElement[];
}

export class Table<Row> {
  readonly element: HTMLElement;
  /** Called when a person chooses what to order by. */
  onOrder: (label: string) => void = () => {};
  private readonly heads: HTMLTableCellElement[];
  private readonly body = h("tbody", { role: "rowgroup" });
  private readonly empty: HTMLElement;
  private readonly more = h("button", { type: "button", class: "button", onclick: () => this.showAll() });
  private readonly lines = new Map<string | number, Line<Row>>();
  private rows: Row[] = [];
  private limit: number;

  /** `key` is what a row is known by; of more than `limit` rows the rest is shown when it is asked for. */
  constructor(
    name: string,
    private readonly columns: Column<Row>[],
    private readonly key: (row: Row) => string | number,
    private ordered: string | null,
    nobody: string,
    limit = 100,
  ) {
    this.limit = limit;
    this.heads = columns.map((column) => this.head(column));
    this.empty = h("p", { class: "empty" }, nobody);
    const table = h(
      "table",
      { class: "cards", role: "table", "aria-label": name },
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...this.heads)),
      this.body,
    );
    this.element = h("div", { class: "table" }, h("div", { class: "scroll" }, table), this.empty, this.more);
    this.markOrder();
  }

  /** Orders by a column; null: as the rows come. */
  orderBy(label: string | null): void {
    this.ordered = label;
    this.markOrder();
    this.render(true);
  }

  show(rows: Row[]): void {
    this.rows = rows;
    this.render(false);
  }

  private showAll(): void {
    this.limit = Infinity;
    this.render(true);
    this.body.querySelector<HTMLElement>("a, button")?.focus();
  }

  private head({ label, value, isFigure }: Column<Row>): HTMLTableCellElement {
    const attributes = { scope: "col", role: "columnheader", class: isFigure ? "figure" : null };
    if (value === undefined) return h("th", attributes, label);
    const choose = () => {
      this.orderBy(label);
      this.onOrder(label);
    };
    const button = h("button", { type: "button", class: "order", onclick: choose }, label);
    return h("th", attributes, button);
  }

  private markOrder(): void {
    this.columns.forEach(({ label, isFigure }, i) => {
      if (label === this.ordered) this.heads[i]?.setAttribute("aria-sort", isFigure ? "descending" : "ascending");
      else this.heads[i]?.removeAttribute("aria-sort");
    });
  }

  private render(anew: boolean): void {
    const sorted = this.sorted().slice(0, this.limit);
    const seen = new Set<string | number>();
    for (const row of sorted) {
      const key = this.key(row);
      seen.add(key);
      const line = this.lines.get(key) ?? this.add(key, row);
      this.refresh(line, row);
    }
    for (const [key, { element }] of this.lines) {
      if (seen.has(key)) continue;
      if (element.contains(document.activeElement)) focusTitle();
      element.remove();
      this.lines.delete(key);
    }
    // A row does not move away from under the pointer or the focus that is about to use it.
    if (anew || !this.body.matches(hovers.matches ? ":hover, :focus-within" : ":focus-within")) this.arrange(sorted);
    this.empty.hidden = this.rows.length > 0;
    this.more.hidden = this.rows.length <= this.limit;
    this.more.textContent = `Show all ${this.rows.length}`;
  }

  private arrange(sorted: Row[]): void {
    let next = this.body.firstElementChild;
    for (const row of sorted) {
      const element = this.lines.get(this.key(row))?.element;
      if (element === undefined) continue;
      if (element === next) next = next.nextElementSibling;
      else this.body.insertBefore(element, next);
    }
  }

  private sorted(): Row[] {
    const value = this.columns.find(({ label }) => label === this.ordered)?.value;
    if (value === undefined) return this.rows;
    return [...this.rows].sort((a, b) => compare(value(a), value(b)));
  }

  private add(key: string | number, row: Row): Line<Row> {
    const line: Line<Row> = { element: h("tr", { role: "row" }), row, words: [] };
    this.columns.forEach(({ label, isFigure, make }, i) => {
      const words = h("span", { class: "words" });
      const content = make === undefined ? words : make(words, () => line.row);
      const attributes = { "data-label": label, class: isFigure ? "figure" : null };
      const cell =
        i === 0
          ? h("th", { scope: "row", role: "rowheader", ...attributes }, content)
          : h("td", { role: "cell", ...attributes }, content);
      line.words.push(words);
      line.element.append(cell);
    });
    this.lines.set(key, line);
    this.body.append(line.element);
    return line;
  }

  private refresh(line: Line<Row>, row: Row): void {
    line.row = row;
    this.columns.forEach(({ text, tone }, i) => {
      const words = line.words[i];
      if (words === undefined) return;
      const now = text(row);
      if (words.textContent !== now) words.textContent = now;
      const name = `words ${tone?.(row) ?? ""}`.trim();
      if (words.className !== name) words.className = name;
    });
  }
}

/** Figures from the most, names from A. */
function compare(a: number | string, b: number | string): number {
  if (typeof a === "number" && typeof b === "number") return b - a;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}
