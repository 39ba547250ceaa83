/** The board of sticky notes. */
import type * as Y from "yjs";
import { h, icon } from "./dom";
import { NoteView, type Surface } from "./note";
import { addNote, BOARD, freePlace, NOTE, NOTE_COLORS, onBoard, topOf } from "./notes";
import { peersOf } from "./people";
import { Pointers } from "./pointers";
import type { Session } from "./session";

/** Below this scale a note is too small to read; the board scrolls instead. */
const MIN_SCALE = 0.72;

export class Board implements Surface {
  readonly element: HTMLElement;
  private readonly stage = h("div", { class: "stage" });
  private readonly space: HTMLElement;
  private readonly empty = h("p", { class: "board-empty" }, "An empty board. Put a note on it.");
  private readonly notes = new Map<string, NoteView>();
  private readonly pointers: Pointers;
  private currentScale = 1;
  private selected: string | null = null;
  private editNext: string | null = null;

  constructor(readonly session: Session) {
    const layer = h("div", { class: "pointers" });
    this.pointers = new Pointers(layer);
    this.space = h("div", { class: "board-space" }, this.stage, layer);
    const add = h(
      "button",
      { type: "button", class: "button add-note", onclick: () => this.addInView() },
      icon("plus"),
      "Note",
    );
    this.element = h(
      "section",
      { class: "board", "aria-label": "Board" },
      h("div", { class: "board-scroll" }, this.space),
      this.empty,
      add,
    );
    session.notes.observeDeep((events) => this.changed(events));
    session.provider.awareness.on("change", () => this.renderPeers());
    new ResizeObserver(() => this.fit()).observe(this.element);
    this.listen();
    this.syncNotes();
  }

  scale(): number {
    return this.currentScale;
  }

  select(id: string | null): void {
    if (id === this.selected) return;
    if (this.selected !== null) this.notes.get(this.selected)?.setSelected(false);
    this.selected = id;
    if (id !== null) this.notes.get(id)?.setSelected(true);
    this.session.presence.set({ note: id });
  }

  raise(id: string): void {
    const { notes } = this.session;
    const note = notes.get(id);
    const top = topOf(notes);
    if (note !== undefined && note.get("z") !== top) this.session.edit(() => note.set("z", top + 1));
  }

  private listen(): void {
    this.element.addEventListener("pointermove", (event) =>
      this.session.presence.set({ pointer: this.unitsAt(event) }),
    );
    this.element.addEventListener("pointerleave", () => this.session.presence.set({ pointer: null }));
    this.space.addEventListener("dblclick", (event) => {
      const { x, y } = this.unitsAt(event);
      if (event.target === this.stage || event.target === this.space) this.add(x - NOTE.width / 2, y - NOTE.height / 2);
    });
    this.element.addEventListener("focusout", (event) => {
      if (!this.stage.contains(event.relatedTarget as Node | null)) this.select(null);
    });
  }

  private unitsAt(event: MouseEvent): { x: number; y: number } {
    const box = this.space.getBoundingClientRect();
    return {
      x: Math.round((event.clientX - box.left) / this.currentScale),
      y: Math.round((event.clientY - box.top) / this.currentScale),
    };
  }

  /** Puts a note near the middle of what is seen, where it hides no other. */
  private addInView(): void {
    const seen = this.element.getBoundingClientRect();
    const box = this.space.getBoundingClientRect();
    const x = (seen.left + seen.width / 2 - box.left) / this.currentScale - NOTE.width / 2;
    const y = (seen.top + seen.height / 2 - box.top) / this.currentScale - NOTE.height / 2;
    const place = freePlace(this.session.notes, x, y);
    this.add(place.x, place.y);
  }

  private add(x: number, y: number): void {
    const { session } = this;
    const id = `${session.doc.clientID}-${Date.now().toString(36)}`;
    const color = NOTE_COLORS[this.notes.size % NOTE_COLORS.length] ?? "sun";
    this.editNext = id;
    session.undo.stopCapturing();
    session.edit(() => addNote(session.notes, id, { ...onBoard(x, y), color, z: topOf(session.notes) + 1 }, ""));
    session.undo.stopCapturing();
  }

  private changed(events: Y.YEvent<Y.AbstractType<unknown>>[]): void {
    if (events.some((event) => event.path.length === 0)) this.syncNotes();
    for (const event of events) {
      const view = this.notes.get(String(event.path[0]));
      if (event.path.length === 1) view?.render();
      else view?.renderText();
    }
  }

  private syncNotes(): void {
    for (const [id, view] of this.notes) {
      // A note that undo brought back is a new Y.Map under the old id.
      if (this.session.notes.get(id) !== view.note) this.drop(id, view);
    }
    for (const [id, note] of this.session.notes) {
      if (this.notes.has(id)) continue;
      const view = new NoteView(id, note, this);
      this.notes.set(id, view);
      this.stage.append(view.element);
      if (id === this.editNext) view.edit();
    }
    this.editNext = null;
    this.empty.hidden = this.notes.size > 0;
    this.renderPeers();
  }

  private drop(id: string, view: NoteView): void {
    if (this.selected === id) this.select(null);
    this.notes.delete(id);
    view.destroy();
  }

  private renderPeers(): void {
    const peers = peersOf(this.session.provider.awareness, this.session.doc.clientID);
    this.pointers.render(peers, this.currentScale);
    for (const [id, view] of this.notes) view.renderHolders(peers.filter((peer) => peer.note === id));
  }

  private fit(): void {
    const width = this.element.clientWidth;
    if (width === 0) return; // a pane that is not shown
    this.currentScale = Math.max(width / BOARD.width, MIN_SCALE);
    this.space.style.setProperty("--scale", String(this.currentScale));
    this.space.style.width = `${BOARD.width * this.currentScale}px`;
    this.space.style.height = `${BOARD.height * this.currentScale}px`;
    this.renderPeers();
  }
}
