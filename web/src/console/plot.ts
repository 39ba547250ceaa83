/** One line over the last hour. The pointer, or the arrow keys, read it point by point. */
import { h } from "../dom";
import { clock, NOTHING, timeOfDay } from "./format";
import type { History, Quantity } from "./model";
import { s } from "./svg";

const WIDTH = 360;
const HEIGHT = 100;
/** Seconds that a page of the keyboard moves by. */
const PAGE = 300;

export interface Measure {
  quantity: Quantity;
  label: string;
  show: (value: number | null | undefined) => string;
  /** The top of the axis is never below this, so that noise does not look like a mountain. */
  least: number;
}

type Points = (number | null)[];

export class Plot {
  readonly element: HTMLElement;
  /** Called with the index of the point that is read, or null: the other plots show the same moment. */
  onRead: (index: number | null) => void = () => {};
  private readonly line = s("path", { class: "line" });
  private readonly area = s("path", { class: "area" });
  private readonly rule = s("line", { class: "rule", y1: 0, y2: HEIGHT });
  private readonly top = h("span", { class: "tick" });
  private readonly middle = h("span", { class: "tick" });
  private readonly times = [h("span", {}), h("span", {}), h("span", {})];
  private readonly value = h("strong", { class: "plot-value" });
  private readonly moment = h("span", { class: "plot-moment" });
  private readonly field: HTMLElement;
  private at: number[] = [];
  private points: Points = [];
  private now: number | null | undefined;
  private index: number | null = null;

  constructor(private readonly measure: Measure) {
    const drawing = s(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
      s("path", { class: "grid", d: `M0 0H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT}H${WIDTH}` }),
      this.area,
      this.line,
      this.rule,
    );
    this.field = h("div", { class: "plot-field", tabindex: 0, role: "slider" }, drawing);
    this.field.setAttribute("aria-label", `${measure.label}, by time`);
    this.element = h(
      "figure",
      { class: "plot" },
      h("figcaption", {}, h("span", { class: "plot-label" }, measure.label), this.moment, this.value),
      h("div", { class: "plot-body" }, h("div", { class: "ticks", "aria-hidden": "true" }, this.top, this.middle, "0"), this.field),
      h("div", { class: "times", "aria-hidden": "true" }, ...this.times),
    );
    this.listen();
    this.read(null);
  }

  draw(history: History): void {
    this.at = history.at;
    this.points = history.series[this.measure.quantity];
    const most = this.points.reduce<number>((top, point) => Math.max(top, point ?? 0), 0);
    const top = niceTop(Math.max(most, this.measure.least));
    this.top.textContent = this.measure.show(top);
    this.middle.textContent = this.measure.show(top / 2);
    const { line, area } = paths(this.points, top);
    this.line.setAttribute("d", line);
    this.area.setAttribute("d", area);
    this.times.forEach((time, i) => {
      const at = this.at[Math.round(((this.at.length - 1) * i) / (this.times.length - 1))];
      time.textContent = at === undefined ? "" : timeOfDay(at * 1000);
    });
    this.field.setAttribute("aria-valuemin", "0");
    this.field.setAttribute("aria-valuemax", String(Math.max(0, this.points.length - 1)));
    this.read(this.index);
  }

  /** What it is at this second. */
  setNow(value: number | null | undefined): void {
    this.now = value;
    if (this.index === null) this.value.textContent = this.measure.show(value);
  }

  /** Shows the value at a point, or (null) the value now. */
  read(index: number | null): void {
    this.index = index !== null && index < this.points.length ? index : null;
    const shown = this.index ?? this.points.length - 1;
    const value = this.index === null ? this.now : this.points[this.index];
    const at = this.at[shown];
    const moment = this.index === null || at === undefined ? "now" : clock(at * 1000);
    this.value.textContent = this.measure.show(value);
    this.moment.textContent = this.index === null ? "" : moment;
    const x = String(xOf(shown, this.points.length));
    this.rule.setAttribute("x1", x);
    this.rule.setAttribute("x2", x);
    this.rule.classList.toggle("shown", this.index !== null);
    this.field.setAttribute("aria-valuenow", String(Math.max(0, shown)));
    const words = this.measure.show(value);
    this.field.setAttribute("aria-valuetext", `${moment}: ${words === NOTHING ? "not measured" : words}`);
  }

  private listen(): void {
    const to = (index: number | null) => this.onRead(index);
    const last = () => this.points.length - 1;
    this.field.addEventListener("pointermove", ({ clientX }) => {
      const { left, width } = this.field.getBoundingClientRect();
      if (this.points.length > 0) to(Math.round(clamp((clientX - left) / width, 0, 1) * last()));
    });
    this.field.addEventListener("pointerleave", () => to(null));
    this.field.addEventListener("blur", () => to(null));
    this.field.addEventListener("keydown", (event) => {
      const from = this.index ?? last();
      const page = Math.max(1, Math.round(PAGE / ((this.at[1] ?? 10) - (this.at[0] ?? 0))));
      const moves: Record<string, number> = {
        ArrowLeft: from - 1,
        ArrowDown: from - 1,
        ArrowRight: from + 1,
        ArrowUp: from + 1,
        PageDown: from - page,
        PageUp: from + page,
        Home: 0,
        End: last(),
      };
      const index = moves[event.key];
      if (event.key === "Escape") to(null);
      if (index === undefined || this.points.length === 0) return;
      event.preventDefault();
      to(clamp(index, 0, last()));
    });
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

function xOf(index: number, length: number): number {
  return length < 2 ? WIDTH : (index / (length - 1)) * WIDTH;
}

/** 1, 2 or 5 times a power of ten, at least `most`. */
function niceTop(most: number): number {
  const power = 10 ** Math.floor(Math.log10(most));
  return power * (([1, 2, 5, 10] as const).find((step) => step * power >= most * 0.9999) ?? 10);
}

/** The line and what is below it, with gaps where nothing was measured. */
function paths(points: Points, top: number): { line: string; area: string } {
  let line = "";
  let area = "";
  let start: number | null = null;
  points.forEach((point, i) => {
    if (point === null) return;
    const x = xOf(i, points.length).toFixed(1);
    const y = (HEIGHT - (Math.min(point, top) / top) * HEIGHT).toFixed(1);
    const isFirst = start === null;
    start ??= i;
    line += `${isFirst ? "M" : "L"}${x} ${y}`;
    area += `${isFirst ? `M${x} ${HEIGHT}L` : "L"}${x} ${y}`;
    if ((points[i + 1] ?? null) === null) {
      if (isFirst) line += "h.01"; // a point alone is a dot
      area += `L${x} ${HEIGHT}Z`;
      start = null;
    }
  });
  return { line, area };
}
