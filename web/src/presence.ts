/** What this member tells the room about itself, sent no more often than others can use. */
import type { Awareness } from "y-protocols/awareness";
import { colorOf, type Identity } from "./people";

export interface LocalState {
  pointer: { x: number; y: number } | null;
  cursor: { anchor: unknown; head: unknown } | null;
  note: string | null;
  away: boolean;
}

/** Milliseconds between two sends: a screen cannot show more, and nobody looks when we are alone. */
const WITH_OTHERS = 33;
const ALONE = 250;

export class Presence {
  private pending: Record<string, unknown> = {};
  private timer: number | undefined;
  private sentAt = 0;

  constructor(readonly awareness: Awareness) {}

  /** Changes some fields; what is unsent merges, so only the newest value of each field ever leaves. */
  set(change: Partial<LocalState>): void {
    Object.assign(this.pending, change);
    if (this.timer !== undefined) return;
    const interval = this.awareness.getStates().size > 1 ? WITH_OTHERS : ALONE;
    this.timer = window.setTimeout(() => this.flush(), Math.max(0, this.sentAt + interval - performance.now()));
  }

  /** The `user` field is the one that other Yjs editors read too. */
  introduce(identity: Identity): void {
    const color = colorOf(identity.id);
    this.pending["user"] = { ...identity, color, colorLight: `${color}33` };
    this.flush();
  }

  /**
   * Says everything again under a new clock. Peers dropped our entry at its last clock when we went offline,
   * and ignore a return that does not raise it.
   */
  renew(): void {
    this.flush();
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.sentAt = performance.now();
    this.awareness.setLocalState({ ...this.awareness.getLocalState(), ...this.pending });
    this.pending = {};
  }
}
