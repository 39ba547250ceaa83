/** One sticky note: how it looks, and how a hand or a keyboard moves it. */
import { h, icon } from "./dom";
import { Glide } from "./motion";
import { BOARD, NOTE_COLORS, type NoteColor, type NoteMap, noteText, onBoard, readNote } from "./notes";
import type { Peer } from "./people";
import { bindTextarea } from "./textarea";
import { type Session, UNDO_STEP } from "./session";

/** What the board does for its notes. */
export interface Surface {
  readonly session: Session;
  /** Screen pixels per board unit. */
  scale(): number;
  select(id: string | null): void;
  raise(id: string): void;
}

/** Milliseconds between two updates of a drag; CSS pixels that a press may wander and still be a click. */
const DRAG_INTERVAL = 40;
const CLICK_SLOP = 4;
const STEP = 8;
const LONG_TEXT = 56;

export class NoteView {
  readonly element: HTMLElement;
  private readonly area = h("textarea", {
    tabindex: "-1",
    "aria-label": "Text of the note",
    maxlength: 400,
    spellcheck: "false",
  });
  private readonly halo = h("span", { class: "halo-name" });
  private readonly glide = new Glide((x, y) => (this.element.style.translate = `${x}px ${y}px`));
  private readonly unbind: () => void;
  private dragging = false;
  private readonly gestures = new AbortController();

  constructor(
    readonly id: string,
    readonly note: NoteMap,
    private readonly surface: Surface,
  ) {
    this.element = h(
      "div",
      { class: "note", role: "group", tabindex: "0", "aria-roledescription": "sticky note", "data-note": id },
      this.area,
      this.halo,
      this.tools(),
    );
    const text = noteText(note);
    this.unbind = text === null ? () => {} : bindTextarea(this.area, text, surface.session);
    this.area.disabled = text === null;
    this.listen();
    this.render();
  }

  render(): void {
    const { x, y, color, z } = readNote(this.note);
    this.element.dataset["color"] = color;
    this.element.style.zIndex = String(z);
    this.element.classList.toggle("low", y > BOARD.height / 2);
    this.element.classList.toggle("right", x > BOARD.width / 2);
    if (!this.dragging) this.glide.to(x, y);
    this.renderText();
  }

  renderText(): void {
    const text = noteText(this.note)?.toString() ?? "";
    this.element.setAttribute("aria-label", text.trim() || "Empty note");
    this.element.classList.toggle("long", text.length > LONG_TEXT);
  }

  /** Shows who else has this note selected. */
  renderHolders(holders: readonly Peer[]): void {
    const [first] = holders;
    this.element.classList.toggle("held", first !== undefined);
    if (first === undefined) return;
    this.element.style.setProperty("--voice", first.color);
    this.halo.textContent = holders.map((peer) => peer.user.name).join(", ");
  }

  setSelected(selected: boolean): void {
    this.element.classList.toggle("selected", selected);
  }

  edit(): void {
    this.area.focus();
    this.area.setSelectionRange(this.area.value.length, this.area.value.length);
  }

  destroy(): void {
    this.gestures.abort();
    this.stopDragging();
    this.unbind();
    this.glide.stop();
    this.element.remove();
  }

  private get selected(): boolean {
    return this.element.classList.contains("selected");
  }

  private tools(): HTMLElement {
    const swatches = NOTE_COLORS.map((color) =>
      h("button", {
        type: "button",
        class: "swatch",
        "data-color": color,
        "aria-label": `Colour ${color}`,
        onclick: () => this.paint(color),
      }),
    );
    const remove = h(
      "button",
      {
        type: "button",
        class: "tool",
        "aria-label": "Delete note",
        title: "Delete note",
        onclick: () => this.remove(),
      },
      icon("trash"),
    );
    return h("div", { class: "note-tools" }, ...swatches, remove);
  }

  private paint(color: NoteColor): void {
    this.surface.session.undo.stopCapturing();
    this.surface.session.edit(() => this.note.set("color", color));
  }

  private remove(): void {
    this.surface.session.undo.stopCapturing();
    this.surface.session.edit(() => this.surface.session.notes.delete(this.id));
  }

  private listen(): void {
    this.element.addEventListener("focusin", () => this.surface.select(this.id));
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.element.addEventListener("pointerdown", (event) => this.press(event));
    this.area.addEventListener("focus", () => this.surface.session.undo.stopCapturing());
  }

  private key(event: KeyboardEvent): void {
    if (event.key === "Escape") {
      if (event.target === this.element) this.surface.select(null);
      else this.element.focus();
      return;
    }
    if (event.target !== this.element) return;
    const step = event.shiftKey ? 4 * STEP : STEP;
    const moves: Record<string, readonly [number, number]> = {
      ArrowLeft: [-step, 0],
      ArrowRight: [step, 0],
      ArrowUp: [0, -step],
      ArrowDown: [0, step],
    };
    const move = moves[event.key];
    if (move !== undefined) {
      const { x, y } = readNote(this.note);
      this.write(x + move[0], y + move[1]);
    } else if (event.key === "Enter") this.edit();
    else if (event.key === "Delete" || event.key === "Backspace") this.remove();
    else return;
    event.preventDefault();
  }

  private press(event: PointerEvent): void {
    const onText = event.target === this.area && document.activeElement === this.area;
    if (event.button !== 0 || onText || (event.target as Element).closest(".note-tools") !== null) return;
    event.preventDefault(); // no text selection; the focus is set below
    const wasSelected = this.selected;
    this.element.focus({ preventScroll: true });
    this.drag(event, () => {
      if (wasSelected) this.edit();
    });
  }

  /** Follows the pointer until it is released; `onClick` when it never really moved. */
  private drag(press: PointerEvent, onClick: () => void): void {
    const origin = readNote(this.note);
    const listening = new AbortController();
    let sentAt = 0;
    const follow = (event: PointerEvent) => {
      const dx = event.clientX - press.clientX;
      const dy = event.clientY - press.clientY;
      if (!this.dragging && Math.hypot(dx, dy) < CLICK_SLOP) return;
      if (!this.dragging) this.startDragging();
      const { x, y } = onBoard(origin.x + dx / this.surface.scale(), origin.y + dy / this.surface.scale());
      this.glide.jump(x, y);
      if (event.type === "pointermove" && event.timeStamp - sentAt < DRAG_INTERVAL) return;
      sentAt = event.timeStamp;
      this.write(x, y);
    };
    const release = (event: PointerEvent) => {
      listening.abort();
      if (event.type === "pointerup" && this.dragging) follow(event);
      else if (event.type === "pointerup") onClick();
      this.stopDragging();
      this.render();
    };
    const signal = AbortSignal.any([listening.signal, this.gestures.signal]);
    this.element.setPointerCapture(press.pointerId);
    this.element.addEventListener("pointermove", follow, { signal });
    this.element.addEventListener("pointerup", release, { signal });
    this.element.addEventListener("pointercancel", release, { signal });
  }

  /** A drag is one undo step, however long it pauses. */
  private startDragging(): void {
    const { undo } = this.surface.session;
    this.dragging = true;
    this.element.classList.add("dragging");
    undo.stopCapturing();
    undo.captureTimeout = Infinity;
    this.surface.raise(this.id);
  }

  private stopDragging(): void {
    if (!this.dragging) return;
    const { undo } = this.surface.session;
    this.dragging = false;
    this.element.classList.remove("dragging");
    undo.captureTimeout = UNDO_STEP;
    undo.stopCapturing();
  }

  private write(x: number, y: number): void {
    const at = onBoard(x, y);
    this.surface.session.edit(() => {
      if (this.note.get("x") !== at.x) this.note.set("x", at.x);
      if (this.note.get("y") !== at.y) this.note.set("y", at.y);
    });
  }
}
