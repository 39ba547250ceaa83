/** The board's data: `notes` is a Y.Map of id → Y.Map {x, y, color, z, text: Y.Text}. */
import * as Y from "yjs";

export const NOTE_COLORS = ["sun", "rose", "mint", "sky", "lilac", "paper"] as const;
export type NoteColor = (typeof NOTE_COLORS)[number];

/** Board units; the view scales them to the pane, so that all screens agree on what is where. */
export const BOARD = { width: 800, height: 460 } as const;
export const NOTE = { width: 164, height: 124 } as const;

const SEARCH_STEP = 44;

export type NoteMap = Y.Map<unknown>;

/** `x` and `y` are the top left corner in board units; a greater `z` lies on top. */
export interface NoteFields {
  readonly x: number;
  readonly y: number;
  readonly color: NoteColor;
  readonly z: number;
}

/** The fields of a note, whoever wrote it: what is missing or odd gets a place on the board all the same. */
export function readNote(note: NoteMap): NoteFields {
  const color = note.get("color");
  return {
    ...onBoard(finite(note.get("x")), finite(note.get("y"))),
    color: NOTE_COLORS.find((known) => known === color) ?? "sun",
    z: finite(note.get("z")),
  };
}

export function noteText(note: NoteMap): Y.Text | null {
  const text = note.get("text");
  return text instanceof Y.Text ? text : null;
}

/** Call it inside a transaction. */
export function addNote(notes: Y.Map<NoteMap>, id: string, fields: NoteFields, text: string): void {
  const note = new Y.Map<unknown>();
  for (const [key, value] of Object.entries(fields)) note.set(key, value);
  note.set("text", new Y.Text(text));
  notes.set(id, note);
}

export function topOf(notes: Y.Map<NoteMap>): number {
  let top = 0;
  for (const note of notes.values()) top = Math.max(top, finite(note.get("z")));
  return top;
}

/** The nearest place at which the whole note is on the board. */
export function onBoard(x: number, y: number): { x: number; y: number } {
  return {
    x: Math.round(Math.min(Math.max(x, 0), BOARD.width - NOTE.width)),
    y: Math.round(Math.min(Math.max(y, 0), BOARD.height - NOTE.height)),
  };
}

/** The place nearest to (x, y), on a coarse grid around it, that covers no other note; (x, y) when there is none. */
export function freePlace(notes: Y.Map<NoteMap>, x: number, y: number): { x: number; y: number } {
  const taken = [...notes.values()].map(readNote);
  const isFree = (at: { x: number; y: number }) =>
    taken.every((note) => Math.abs(note.x - at.x) >= NOTE.width || Math.abs(note.y - at.y) >= NOTE.height);
  const offsets = [0, -1, 1, -2, 2, -3, 3, -4, 4].map((step) => step * SEARCH_STEP);
  const places = offsets.flatMap((dy) => offsets.map((dx) => ({ dx, dy })));
  places.sort((a, b) => Math.hypot(a.dx, a.dy) - Math.hypot(b.dx, b.dy));
  return places.map(({ dx, dy }) => onBoard(x + dx, y + dy)).find(isFree) ?? onBoard(x, y);
}

function finite(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
