/**
 * Carets and selections in the text, in the awareness field that y-codemirror.next uses (`cursor`: anchor and head
 * as relative positions), so that its editors and these see each other. Ours differs in two ways: a pointer that
 * moves over the board does not redraw the text, and a name is shown while its caret moves, then fades.
 */
import { Annotation, type Extension, type Range } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, ViewPlugin, type ViewUpdate, WidgetType } from "@codemirror/view";
import * as Y from "yjs";
import { type Peer, peersOf } from "./people";
import type { Session } from "./session";

const peersMoved = Annotation.define<true>();

interface Known {
  readonly cursor: string;
  /** How often this caret moved: a new number makes a new widget, whose label starts its fade anew. */
  readonly moves: number;
}

class Caret extends WidgetType {
  constructor(
    readonly peer: Peer,
    readonly moves: number,
  ) {
    super();
  }

  override eq(other: Caret): boolean {
    return (
      other.moves === this.moves &&
      other.peer.client === this.peer.client &&
      other.peer.color === this.peer.color &&
      other.peer.user.name === this.peer.user.name
    );
  }

  override toDOM(): HTMLElement {
    const caret = document.createElement("span");
    caret.className = "caret";
    caret.style.setProperty("--voice", this.peer.color);
    caret.dataset["name"] = this.peer.user.name;
    const label = document.createElement("span");
    label.className = "caret-label";
    label.textContent = this.peer.user.name;
    caret.append("\u2060", label); // the word joiner gives it a line's height without a place to break
    return caret;
  }

  override ignoreEvent(): boolean {
    return true;
  }
}

class Carets {
  decorations: DecorationSet = Decoration.none;
  private readonly known = new Map<number, Known>();
  private readonly onChange: () => void;

  constructor(
    private readonly view: EditorView,
    private readonly session: Session,
  ) {
    this.onChange = () => this.noticeMoves();
    session.provider.awareness.on("change", this.onChange);
  }

  destroy(): void {
    this.session.provider.awareness.off("change", this.onChange);
  }

  update(update: ViewUpdate): void {
    const moved = update.transactions.some((transaction) => transaction.annotation(peersMoved));
    // An unfocused editor keeps its last caret: the person still is at that place.
    if (update.view.hasFocus && (update.selectionSet || update.docChanged || update.focusChanged)) this.publish(update);
    if (moved || update.docChanged) {
      this.decorations = this.draw();
      update.view.requestMeasure({ key: this, read: labelsOutside, write: flip });
    }
  }

  private publish(update: ViewUpdate): void {
    const { anchor, head } = update.state.selection.main;
    const at = (index: number) => Y.createRelativePositionFromTypeIndex(this.session.text, index);
    this.session.presence.set({ cursor: { anchor: at(anchor), head: at(head) } });
  }

  private noticeMoves(): void {
    const peers = this.peers();
    let changed = false;
    for (const peer of peers) {
      const cursor = JSON.stringify([peer.cursor, peer.color, peer.user.name]);
      const before = this.known.get(peer.client);
      if (before?.cursor === cursor) continue;
      this.known.set(peer.client, { cursor, moves: (before?.moves ?? 0) + 1 });
      changed = true;
    }
    for (const client of this.known.keys()) {
      if (!peers.some((peer) => peer.client === client)) changed = this.known.delete(client) || changed;
    }
    if (changed) this.view.dispatch({ annotations: peersMoved.of(true) });
  }

  private peers(): Peer[] {
    return peersOf(this.session.provider.awareness, this.session.doc.clientID).filter((peer) => peer.cursor !== null);
  }

  private draw(): DecorationSet {
    const ranges: Range<Decoration>[] = [];
    for (const peer of this.peers()) {
      const anchor = this.indexOf(peer.cursor?.anchor);
      const head = this.indexOf(peer.cursor?.head);
      if (anchor === null || head === null) continue;
      if (anchor !== head) {
        ranges.push(
          Decoration.mark({ class: "marked", attributes: { style: `--voice: ${peer.color}` } }).range(
            Math.min(anchor, head),
            Math.max(anchor, head),
          ),
        );
      }
      const widget = new Caret(peer, this.known.get(peer.client)?.moves ?? 0);
      // The own caret stays outside of another's selection when both are at its edge.
      ranges.push(Decoration.widget({ side: head > anchor ? -1 : 1, widget }).range(head));
    }
    return Decoration.set(ranges, true);
  }

  /** Where a relative position is now; null when it is none, or is in something that we do not have (yet). */
  private indexOf(position: unknown): number | null {
    const { doc, text } = this.session;
    const absolute = Y.createAbsolutePositionFromRelativePosition(Y.createRelativePositionFromJSON(position), doc);
    return absolute?.type === text ? Math.min(absolute.index, this.view.state.doc.length) : null;
  }
}

/** The labels that the right edge of the editor would cut. */
function labelsOutside(view: EditorView): Element[] {
  const edge = view.scrollDOM.getBoundingClientRect().right;
  const labels = [...view.contentDOM.querySelectorAll(".caret-label:not(.flip)")];
  return labels.filter((label) => label.getBoundingClientRect().right > edge);
}

function flip(labels: Element[]): void {
  for (const label of labels) label.classList.add("flip");
}

export function carets(session: Session): Extension {
  return ViewPlugin.define((view) => new Carets(view, session), { decorations: (plugin) => plugin.decorations });
}
