/** Who someone is: identities of this browser, colours, and what other clients say about themselves. */
import type { Awareness } from "y-protocols/awareness";

export interface Identity {
  readonly id: string;
  readonly name: string;
}

/** Where a member is, as everyone in the room may see it. `x` and `y` are board units, not pixels. */
export interface Peer {
  readonly client: number;
  readonly user: Identity;
  readonly color: string;
  readonly pointer: { readonly x: number; readonly y: number } | null;
  readonly cursor: { readonly anchor: unknown; readonly head: unknown } | null;
  readonly note: string | null;
  readonly away: boolean;
}

/** White text on each, and each on white, has a contrast of at least 4.5 : 1. */
const COLORS = [
  "#b3372b",
  "#a8501a",
  "#8a6400",
  "#5c7410",
  "#2f7d32",
  "#0f7b62",
  "#10748c",
  "#2a65b8",
  "#4f56c7",
  "#7546c0",
  "#9c3bac",
  "#b02e72",
] as const;

const COMPOSERS = [
  "Hildegard",
  "Guillaume",
  "Josquin",
  "Clara",
  "Orlande",
  "Barbara",
  "Tomás",
  "Fanny",
  "William",
  "Nadia",
  "Heinrich",
  "Francesca",
  "Johannes",
  "Maddalena",
  "Thomas",
  "Lili",
] as const;

export const NAME_LENGTH = 32;

/** FNV-1a over UTF-16 units, 32 bits: the same on every client, so one person has one colour everywhere. */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return value;
}

export function colorOf(id: string): string {
  return COLORS[hash(id) % COLORS.length] ?? COLORS[0];
}

/** The first character, whole even when it is a surrogate pair. */
export function initial(name: string): string {
  return (name.match(/\p{L}|\p{N}|\p{Extended_Pictographic}/u)?.[0] ?? "?").toLocaleUpperCase();
}

/** The identity kept in this browser under `key`; a new one differs in name and colour from `other`. */
export function rememberedIdentity(key: string, other: Identity | null): Identity {
  const kept = parseIdentity(localStorage.getItem(key));
  if (kept !== null) return kept;
  let identity: Identity;
  do {
    // getRandomValues and not randomUUID: a page served over plain HTTP on a LAN has only the former.
    const id = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join(
      "",
    );
    identity = { id, name: COMPOSERS[hash(`${id}.name`) % COMPOSERS.length] ?? COMPOSERS[0] };
  } while (other !== null && (identity.name === other.name || colorOf(identity.id) === colorOf(other.id)));
  rememberIdentity(key, identity);
  return identity;
}

export function rememberIdentity(key: string, identity: Identity): void {
  localStorage.setItem(key, JSON.stringify(identity));
}

/** Reads what `rememberIdentity` wrote, here or in another tab; null when it is not an identity. */
export function parseIdentity(json: string | null): Identity | null {
  if (json === null) return null;
  try {
    const { id, name } = fields(JSON.parse(json));
    return typeof id === "string" && typeof name === "string" ? { id, name: name.slice(0, NAME_LENGTH) } : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null; // somebody else's value under our key: start anew
    throw error;
  }
}

/** Everyone in the room but `self`. Other clients are other programs: every field is checked. */
export function peersOf(awareness: Awareness, self: number): Peer[] {
  const peers: Peer[] = [];
  for (const [client, state] of awareness.getStates()) {
    if (client !== self) peers.push(peerOf(client, state));
  }
  return peers;
}

export function peerOf(client: number, state: unknown): Peer {
  const { user, pointer, cursor, note, away } = fields(state);
  const { id, name, color } = fields(user);
  const { x, y } = fields(pointer);
  const { anchor, head } = fields(cursor);
  const userId = typeof id === "string" ? id : `client ${client}`;
  return {
    client,
    user: { id: userId, name: (typeof name === "string" && name.trim().slice(0, NAME_LENGTH)) || "Anonymous" },
    color: typeof color === "string" && /^#[0-9a-f]{6}$/i.test(color) ? color : colorOf(userId),
    pointer: Number.isFinite(x) && Number.isFinite(y) ? { x: x as number, y: y as number } : null,
    cursor: anchor && head ? { anchor, head } : null,
    note: typeof note === "string" ? note : null,
    away: away === true,
  };
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
