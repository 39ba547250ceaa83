/** Figures with their names: a description list, set large. */
import { h } from "../dom";

export class Figures {
  readonly element: HTMLElement;
  private readonly values = new Map<string, HTMLElement>();

  constructor(width: "" | "wide" = "") {
    this.element = h("dl", { class: `figures ${width}` });
  }

  /** Draws the figures; the names are the same each time. */
  show(figures: Record<string, string>): void {
    for (const [name, text] of Object.entries(figures)) {
      const value = this.values.get(name) ?? this.add(name);
      if (value.textContent !== text) value.textContent = text;
    }
  }

  private add(name: string): HTMLElement {
    const value = h("dd", {});
    this.values.set(name, value);
    this.element.append(h("div", {}, h("dt", {}, name), value));
    return value;
  }
}
