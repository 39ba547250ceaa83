/** The last hour: six plots that are read at one moment together, and the same as a table. */
import { h } from "../dom";
import { bytes, clock, count, duration, rate, timeZone } from "./format";
import type { History, Totals } from "./model";
import { type Measure, Plot } from "./plot";

const MEASURES: Measure[] = [
  { quantity: "updates_per_second", label: "Updates per second", show: rate, least: 10 },
  { quantity: "people", label: "People", show: count, least: 10 },
  { quantity: "bytes_in_per_second", label: "Bytes in per second", show: bytes, least: 1000 },
  { quantity: "peer_p99", label: "Edit to peer, p99", show: duration, least: 0.01 },
  { quantity: "durable_p99", label: "Edit to disk, p99", show: duration, least: 0.02 },
  { quantity: "loop_lag", label: "Loop lag", show: duration, least: 0.01 },
];
/** Seconds of a row of the table. */
const ROW = 60;
const HOUR = 3600;

export class Plots {
  readonly element: HTMLElement;
  private readonly plots = MEASURES.map((measure) => new Plot(measure));
  private readonly span = h("p", { class: "span", "aria-hidden": "true" });
  private readonly rows = h("tbody", { role: "rowgroup" });
  private readonly details: HTMLDetailsElement;
  private history: History | null = null;

  constructor() {
    for (const plot of this.plots) plot.onRead = (index) => this.plots.forEach((each) => each.read(index));
    const heads = ["Minute", ...MEASURES.map(({ label }) => label)];
    const table = h(
      "table",
      { class: "plain" },
      h("caption", { class: "visually-hidden" }, "The last hour by minutes: the highest of each"),
      h("thead", {}, h("tr", {}, ...heads.map((label) => h("th", { scope: "col" }, label)))),
      this.rows,
    );
    this.details = h(
      "details",
      { class: "fold" },
      h("summary", {}, "The last hour as a table"),
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "The last hour as a table" }, table),
    );
    this.details.addEventListener("toggle", () => this.fill());
    this.element = h(
      "section",
      { class: "block", "aria-labelledby": "hour" },
      h("div", { class: "block-head" }, h("h2", { id: "hour" }, "The last hour"), this.span),
      h("div", { class: "plots" }, ...this.plots.map(({ element }) => element)),
      this.details,
    );
  }

  draw(told: History): void {
    const history = ofAnHour(told);
    this.history = history;
    for (const plot of this.plots) plot.draw(history);
    const first = history.at[0];
    const last = history.at.at(-1);
    if (first !== undefined && last !== undefined)
      this.span.textContent = `${clock(first * 1000)} to ${clock(last * 1000)} ${timeZone()}, a point each ${history.step} s`;
    if (this.details.open) this.fill();
  }

  setNow(totals: Totals): void {
    this.plots.forEach((plot, i) => {
      const quantity = MEASURES[i]?.quantity;
      if (quantity !== undefined) plot.setNow(totals[quantity]);
    });
  }

  private fill(): void {
    if (!this.details.open || this.history === null) return;
    const { at, series, step } = this.history;
    const per = Math.max(1, Math.round(ROW / step));
    const rows: HTMLElement[] = [];
    for (let end = at.length; end > 0; end -= per) {
      const start = Math.max(0, end - per);
      const cells = MEASURES.map(({ quantity, show }) => h("td", {}, show(highest(series[quantity].slice(start, end)))));
      rows.push(h("tr", {}, h("th", { scope: "row" }, clock((at[start] ?? 0) * 1000)), ...cells));
    }
    this.rows.replaceChildren(...rows);
  }
}

/** The same with the time before the server's start, where nothing was measured: the axis is an hour always. */
function ofAnHour({ at, step, series }: History): History {
  const first = at[0];
  const missing = first === undefined ? 0 : Math.max(0, HOUR / step - at.length);
  const before = Array.from({ length: missing }, (_, i) => (first ?? 0) - (missing - i) * step);
  const nothing = before.map(() => null);
  const padded = Object.entries(series).map(([quantity, points]) => [quantity, [...nothing, ...points]]);
  return { step, at: [...before, ...at], series: Object.fromEntries(padded) as History["series"] };
}

function highest(points: (number | null)[]): number | null {
  const measured = points.filter((point) => point !== null);
  return measured.length === 0 ? null : Math.max(...measured);
}
