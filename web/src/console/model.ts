/** What the API answers (`/api/v1`): seconds, bytes, per second; `null` where nothing was measured. */

export interface Totals {
  connections: number;
  people: number;
  members: number;
  rooms: number;
  behind: number;
  updates_per_second: number;
  bytes_in_per_second: number;
  journal_bytes: number;
  loop_lag: number | null;
  peer_p50: number | null;
  peer_p99: number | null;
  durable_p50: number | null;
  durable_p99: number | null;
  /** In the last minute: a socket, or a room, was over a rate. */
  slowed: number;
}

export interface Status {
  version: string;
  /** Seconds since the epoch, as `now`. */
  started: number;
  now: number;
  ready: boolean;
  reasons: Record<string, string>;
  totals: Totals;
  /** Since the start, both. */
  divergences: number;
  exceptions: number;
  keys_failing: boolean;
}

export type Quantity =
  | "updates_per_second"
  | "people"
  | "connections"
  | "peer_p99"
  | "durable_p99"
  | "loop_lag"
  | "bytes_in_per_second";

export interface History {
  /** Seconds between two points. */
  step: number;
  /** Seconds since the epoch, one for each point. */
  at: number[];
  series: Record<Quantity, (number | null)[]>;
}

/** What rooms can be ordered by, the most first. */
export const ORDERS = ["rate", "people", "bytes", "behind", "lag"] as const;
export type Order = (typeof ORDERS)[number];

export interface Room {
  room: string;
  people: number;
  members: number;
  rate: number;
  bytes: number;
  seq: number;
  log_rows: number;
  behind: number;
  /** From the last edit to the disk. */
  lag: number | null;
  /** Seconds without members. */
  idle: number | null;
  suspended: boolean;
}

export interface Rooms {
  loaded: number;
  rooms: Room[];
}

export interface Member {
  member: number;
  user: string;
  name: string;
  role: string;
  dialect: string;
  address: string;
  /** Milliseconds since the epoch. */
  since: number;
  /** Seconds since the epoch. */
  expires: number | null;
  behind: boolean;
  buffered: number;
  /** Seconds ago. */
  last_seen: number;
  latency: number | null;
  edits: number;
}

export interface Present {
  client: number;
  user: string;
  state: unknown;
}

export interface Refused {
  /** Seconds since the epoch. */
  at: number;
  user: string;
  reason: string;
  address: string;
}

export interface LogRow {
  seq: number;
  /** Milliseconds since the epoch. */
  at: number;
  author: string;
  size: number;
}

export interface OneRoom extends Omit<Room, "members"> {
  /** Else it is stored only. */
  loaded: boolean;
  members: Member[];
  presence: Present[];
  refusals: Refused[];
  log: LogRow[];
  /** `at` in milliseconds since the epoch. */
  snapshot: { seq: number; at: number | null; bytes: number } | null;
}

export interface StateHash {
  hash: string;
  state_vector: Record<string, number>;
  seq: number;
}
