/** The sign between the panes: whether both hold exactly the same document. */
import * as Y from "yjs";
import { h } from "./dom";
import { count } from "./pane";
import type { Session } from "./session";

/** Milliseconds: comparing waits for a pause in the edits, and an edit on its way is not yet a difference. */
const COMPARE_AFTER = 60;
const APART_AFTER = 500;

export class Unison {
  readonly element = h("div", { class: "unison", role: "status" });
  private readonly sign = h("span", { class: "unison-sign", "aria-hidden": "true" });
  private readonly label = h("span", { class: "unison-label" });
  private compareTimer: number | undefined;
  private apartTimer: number | undefined;

  constructor(
    private readonly first: Session,
    private readonly second: Session,
  ) {
    this.element.append(this.sign, this.label);
    for (const session of [first, second]) session.doc.on("update", () => this.schedule());
    this.show(true);
  }

  private schedule(): void {
    this.compareTimer ??= window.setTimeout(() => this.compare(), COMPARE_AFTER);
  }

  /** Equal snapshots (state vectors and delete sets) mean equal documents, whatever their types. */
  private compare(): void {
    this.compareTimer = undefined;
    if (Y.equalSnapshots(Y.snapshot(this.first.doc), Y.snapshot(this.second.doc))) {
      clearTimeout(this.apartTimer);
      this.apartTimer = undefined;
      this.show(true);
    } else if (this.element.classList.contains("apart")) this.show(false);
    else this.apartTimer ??= window.setTimeout(() => this.show(false), APART_AFTER);
  }

  private show(equal: boolean): void {
    const waiting = this.first.waiting + this.second.waiting;
    this.element.classList.toggle("apart", !equal);
    this.sign.textContent = equal ? "=" : "≠";
    this.label.textContent = equal ? "In unison" : waiting > 0 ? `Apart by ${count(waiting)}` : "Apart";
    this.element.title = equal
      ? "Both panes hold exactly the same document: their state vectors and delete sets are equal."
      : "The panes hold different documents. They will agree once both are connected.";
  }
}
