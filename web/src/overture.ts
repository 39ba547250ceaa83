/**
 * A lone visitor sees nobody move. So for the first seconds the second voice moves by itself: its pointer crosses the
 * board, takes a note along when the room is new, and its caret marks a word. The first touch or key ends it.
 */
import * as Y from "yjs";
import { reducedMotion } from "./dom";
import { readNote } from "./notes";
import type { Session } from "./session";

const FRAME = 40;
const NOTE_ID = "drag";
const GRIP = { x: 90, y: 90 };
const AWAY = { x: 186, y: -10 };

/** Plays it once; `mayEdit` lets it drag a note (untracked: it is nobody's to undo). */
export async function playOverture(session: Session, mayEdit: boolean): Promise<void> {
  if (reducedMotion.matches || document.hidden) return;
  const stopped = new AbortController();
  const stop = () => stopped.abort();
  addEventListener("pointerdown", stop, { capture: true, once: true });
  addEventListener("keydown", stop, { capture: true, once: true });
  const note = session.notes.get(NOTE_ID);
  if (note !== undefined) await crossBoard(session, note, mayEdit, stopped.signal);
  await markWord(session, stopped.signal);
  session.presence.set({ pointer: null, note: null });
  removeEventListener("pointerdown", stop, { capture: true });
  removeEventListener("keydown", stop, { capture: true });
}

async function crossBoard(
  session: Session,
  note: Y.Map<unknown>,
  mayEdit: boolean,
  signal: AbortSignal,
): Promise<void> {
  const start = readNote(note);
  const grip = { x: start.x + GRIP.x, y: start.y + GRIP.y };
  await glide({ x: 560, y: 430 }, grip, 22, signal, (pointer) => session.presence.set({ pointer }));
  if (signal.aborted || !mayEdit) return;
  session.presence.set({ note: NOTE_ID });
  const target = { x: grip.x + AWAY.x, y: grip.y + AWAY.y };
  await glide(grip, target, 26, signal, (pointer) => {
    session.presence.set({ pointer });
    session.doc.transact(() => {
      note.set("x", Math.round(pointer.x - GRIP.x));
      note.set("y", Math.round(pointer.y - GRIP.y));
    }, "overture");
  });
}

/** Selects the first word that is long enough to be seen, a letter at a time. */
async function markWord(session: Session, signal: AbortSignal): Promise<void> {
  const match = /\p{L}{6,}/u.exec(session.text.toString());
  if (match === null) return;
  const at = (index: number) => Y.createRelativePositionFromTypeIndex(session.text, index);
  for (let length = 0; length <= match[0].length && !signal.aborted; length++) {
    session.presence.set({ cursor: { anchor: at(match.index), head: at(match.index + length) } });
    await pause(2 * FRAME);
  }
}

/** A path with a slight bow, slow at both ends, as a hand makes it. */
async function glide(
  from: { x: number; y: number },
  to: { x: number; y: number },
  steps: number,
  signal: AbortSignal,
  place: (at: { x: number; y: number }) => void,
): Promise<void> {
  for (let step = 1; step <= steps && !signal.aborted; step++) {
    const share = 0.5 - Math.cos((Math.PI * step) / steps) / 2;
    const bow = Math.sin(Math.PI * share) * 24;
    place({
      x: Math.round(from.x + (to.x - from.x) * share + bow),
      y: Math.round(from.y + (to.y - from.y) * share - bow),
    });
    await pause(FRAME);
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
