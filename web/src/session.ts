/** One person's replica and its connection: what any Yjs application has, and nothing about pixels. */
import { readAuthMessage } from "y-protocols/auth";
import { messageAuth, WebsocketProvider } from "y-websocket";
import * as Y from "yjs";
import type { Identity } from "./people";
import { Presence } from "./presence";

/** The origin of this person's own edits on the board: what undo may take back. */
export const MINE = "mine";

export type Status =
  | { readonly kind: "connecting" | "live" | "sending" | "reconnecting" | "offline" }
  | { readonly kind: "refused"; readonly reason: string };

/** Edits that follow each other within this many milliseconds are undone together. */
export const UNDO_STEP = 500;

/** Milliseconds that bytes may lie in the socket before the page says that it is still sending. */
const SENDING_AFTER = 400;

/** `/demo/` is served next to `/ws/`, at the root or below any prefix of a proxy. */
export function websocketUrl(page: string): string {
  return new URL("../ws", page).href.replace(/^http/, "ws");
}

export class Session {
  readonly doc = new Y.Doc();
  readonly text = this.doc.getText("text");
  readonly notes = this.doc.getMap<Y.Map<unknown>>("notes");
  readonly undo = new Y.UndoManager([this.text, this.notes], {
    trackedOrigins: new Set([MINE]),
    captureTimeout: UNDO_STEP,
  });
  readonly provider: WebsocketProvider;
  readonly presence: Presence;
  /** What the person asked for, whatever the network makes of it. */
  online = true;
  status: Status = { kind: "connecting" };
  /** Edits made here since the connection was last in step. */
  waiting = 0;
  /** Called after `status` or `waiting` changed. */
  onStatus: () => void = () => {};
  /** Called when an interrupted connection is in step again, with the number of edits that it carried over. */
  onReturn: (edits: number) => void = () => {};

  private wasLive = false;
  private sendingTimer: number | undefined;

  constructor(room: string, identity: Identity) {
    const path = room.split("/").map(encodeURIComponent).join("/");
    // No BroadcastChannel: the panes of one page are to meet on the server, as two machines would.
    this.provider = new WebsocketProvider(websocketUrl(location.href), path, this.doc, { disableBc: true });
    this.presence = new Presence(this.provider.awareness);
    this.presence.introduce(identity);
    this.provider.on("status", ({ status }) => {
      if (status === "connected") this.presence.renew();
      if (status === "disconnected") this.forgetClocks();
      if (status !== "connected" && this.status.kind !== "refused") this.move(this.reconnectingKind());
    });
    this.provider.on("sync", (synced) => {
      if (synced) this.arrived();
    });
    this.provider.on("closed", ({ code, reason }) => this.refuse(reason || `The server closed this room (${code}).`));
    this.provider.messageHandlers[messageAuth] = (_encoder, decoder) =>
      readAuthMessage(decoder, this.doc, (_doc, reason) => this.refuse(reason));
    this.doc.on("update", (_update: Uint8Array, origin: unknown) => {
      if (origin !== this.provider) this.edited();
    });
  }

  /** Goes offline, or online; online once more is a new attempt after a refusal. */
  setOnline(online: boolean): void {
    this.online = online;
    this.provider.disconnect();
    if (online) this.provider.connect();
    this.move(this.reconnectingKind());
  }

  /** Runs `edit` as one update, and as an edit that this person may undo. */
  edit(edit: () => void): void {
    this.doc.transact(edit, MINE);
  }

  /**
   * The provider removes everyone when the connection ends, but remembers their clocks, and would ignore those who
   * did not move meanwhile until they renew (up to 15 s).
   */
  private forgetClocks(): void {
    const { meta } = this.provider.awareness;
    for (const client of meta.keys()) if (client !== this.doc.clientID) meta.delete(client);
  }

  private reconnectingKind(): "connecting" | "reconnecting" | "offline" {
    if (!this.online) return "offline";
    return this.wasLive ? "reconnecting" : "connecting";
  }

  private arrived(): void {
    const edits = this.waiting;
    const returned = this.wasLive;
    this.waiting = 0;
    this.wasLive = true;
    this.move("live");
    if (returned) this.onReturn(edits);
  }

  private edited(): void {
    if (!this.provider.synced) {
      this.waiting++;
      this.onStatus();
    } else {
      this.sendingTimer ??= window.setTimeout(() => this.watchSending(), SENDING_AFTER);
    }
  }

  private watchSending(): void {
    this.sendingTimer = undefined;
    if (this.status.kind !== "live" && this.status.kind !== "sending") return;
    const unsent = (this.provider.ws?.bufferedAmount ?? 0) > 0;
    this.move(unsent ? "sending" : "live");
    if (unsent) this.sendingTimer = window.setTimeout(() => this.watchSending(), SENDING_AFTER);
  }

  private refuse(reason: string): void {
    this.status = { kind: "refused", reason };
    this.onStatus();
  }

  private move(kind: Exclude<Status["kind"], "refused">): void {
    if (this.status.kind === kind) return;
    this.status = { kind };
    this.onStatus();
  }
}
