/** What a new room starts with. */
import * as Y from "yjs";
import { hash } from "./people";
import { addNote, type NoteColor } from "./notes";

const TEXT = `A motet is one piece for several voices, each with its own words, sung at the same time.

You are two of them. Write here, in either pane, and the other one follows. Take one pane offline, write in both, and let it return: nothing is lost and nobody waits.

Below is the board. The notes are for dragging.
`;

const NOTES: readonly [id: string, x: number, y: number, color: NoteColor, text: string][] = [
  ["drag", 48, 44, "sun", "Drag me.\nThe other voice sees it happen."],
  ["edit", 244, 178, "sky", "Click twice to write. Two people can type in one note."],
  ["undo", 470, 40, "mint", "Undo takes back only what you did."],
  ["keys", 66, 286, "rose", "Keys work: Tab to a note, arrows move it, Enter writes."],
  ["join", 590, 266, "lilac", "Invite a second device: the link is at the top."],
];

/**
 * The first content of a room, as one update. It is the same bytes wherever it is made, under a client id of its
 * own, so a room that two people open at the same moment takes it twice and holds it once. The id follows from the
 * content: a later version with another text never claims this version's clocks.
 */
export function seedUpdate(): Uint8Array {
  const doc = new Y.Doc();
  doc.clientID = hash(JSON.stringify([TEXT, NOTES]));
  doc.transact(() => {
    doc.getText("text").insert(0, TEXT);
    const notes = doc.getMap<Y.Map<unknown>>("notes");
    NOTES.forEach(([id, x, y, color, text], z) => addNote(notes, id, { x, y, color, z }, text));
  });
  return Y.encodeStateAsUpdate(doc);
}

/** Seeds a room in which nothing ever happened (an emptied room stays empty). True when it did. */
export function seedIfNew(doc: Y.Doc): boolean {
  if (Y.decodeStateVector(Y.encodeStateVector(doc)).size > 0) return false;
  Y.applyUpdate(doc, seedUpdate(), "seed");
  return true;
}
