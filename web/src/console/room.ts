/** One room: what it is, who is in it, what was refused and written, and what can be done about it. */
import { h } from "../dom";
import { actButton, askDeletion, askRevocation, askRole, RoomActs } from "./acts";
import { inWords, Refusal, roomPath } from "./api";
import { Findings, ofRoom } from "./attention";
import { Figures } from "./figures";
import { hashFold, jsonFold } from "./folds";
import { bytes, clock, count, duration, rate } from "./format";
import { membersTable } from "./members";
import type { LogRow, Member, OneRoom, Present, Refused, Status } from "./model";
import { Table } from "./table";
import type { Around, View } from "./view";

/** Characters of somebody's presence in its row. */
const STATE_SHOWN = 300;
/** Kinds in a line that sums up. */
const SUMMED = 4;

interface Refusals extends Refused {
  times: number;
}

export class RoomView implements View {
  readonly title: string;
  readonly element: HTMLElement;
  private readonly findings = new Findings("Nothing is wrong here.");
  private readonly figures = new Figures("wide");
  private readonly members: Table<Member>;
  private readonly presence = presenceTable();
  private readonly refusals = refusalsTable();
  private readonly log = logTable();
  private readonly logSum = h("p", { class: "span" });
  private readonly inside: HTMLElement;
  private readonly closed = new AbortController();
  private now: OneRoom | null = null;

  constructor(
    private readonly around: Around,
    private readonly name: string,
  ) {
    this.title = name;
    const acts = new RoomActs(around.api, name);
    const roles = () => (this.now?.members ?? []).map(({ role }) => role);
    this.members = membersTable(acts, roles);
    this.inside = h(
      "div",
      { hidden: true },
      this.findings.element,
      this.figures.element,
      this.actions(acts, roles),
      block("members", "Members", null, this.members.element),
      block("refusals", "Recent refusals", null, this.refusals.element),
      block("log", "Last rows of the log", this.logSum, this.log.element),
      block("presence", "Presence", null, this.presence.element),
      block("document", "Document", null, jsonFold(around.api, name), hashFold(around.api, name)),
    );
    this.element = h(
      "div",
      {},
      h("p", { class: "crumb" }, h("a", { href: "#/" }, "Server"), h("span", { "aria-hidden": "true" }, " / "), "Room"),
      h("h1", { tabindex: -1, class: "name" }, name),
      this.inside,
    );
    void this.open();
  }

  close(): void {
    this.closed.abort();
  }

  private async open(): Promise<void> {
    this.around.stream.stop();
    try {
      const first = await this.around.api.get<OneRoom>(roomPath(this.name), this.closed.signal);
      this.show(first);
    } catch (error) {
      if (this.closed.signal.aborted) return;
      if (error instanceof Refusal && error.status < 500 && error.status !== 0) return this.showNothing(error);
      inWords(error); // what is for a moment, the stream tells of, and mends
    }
    this.around.stream.follow(`events?room=${encodeURIComponent(this.name)}&top=1`, ({ name, data }) => {
      if (name === "status") this.around.onStatus(JSON.parse(data) as Status);
      else if (name === "room") this.show(JSON.parse(data) as OneRoom);
      else if (name === "gone") this.findings.show([{ isBad: true, words: `Gone: ${JSON.parse(data) as string}` }]);
    });
  }

  private showNothing(refusal: Refusal): void {
    const words = refusal.status === 404 ? "There is no room of this name, loaded or stored." : `${refusal.message}.`;
    this.inside.replaceWith(h("p", { role: "status" }, `${words} `, h("a", { href: "#/" }, "The server’s busiest rooms")));
  }

  private show(room: OneRoom): void {
    this.now = room;
    this.inside.hidden = false;
    this.findings.show(ofRoom(room));
    const { snapshot } = room;
    this.figures.show({
      People: count(room.people),
      Members: count(room.members.length),
      Behind: count(room.behind),
      "Updates/s": rate(room.rate),
      "To disk, last": duration(room.lag),
      Size: bytes(room.bytes),
      Seq: count(room.seq),
      "Log rows": count(room.log_rows),
      Snapshot: snapshot === null ? "none" : snapshot.at === null ? "taken" : clock(snapshot.at),
      "Snapshot seq": count(snapshot?.seq),
      "Snapshot size": bytes(snapshot?.bytes),
      State: stateOf(room),
    });
    this.members.show(room.members);
    this.presence.show(room.presence);
    this.refusals.show(grouped(room.refusals));
    this.log.show([...room.log].sort((a, b) => b.seq - a.seq));
    this.logSum.textContent = summed(room.log.map(({ author }) => author || "unknown"));
  }

  private actions(acts: RoomActs, roles: () => string[]): HTMLElement {
    const button = (words: string, act: () => void, danger = false) =>
      h("button", { type: "button", class: danger ? "button danger" : "button", onclick: act }, words);
    const deleted = () =>
      void askDeletion(acts).then((done) => {
        if (done) location.hash = "#/";
      });
    return h(
      "section",
      { class: "actions", "aria-label": "What can be done" },
      actButton("Resync", () => acts.resync()),
      actButton("Compact", () => acts.compact()),
      actButton("Download", () => acts.download()),
      button("Set a role…", () => void askRole(acts, roles(), null)),
      button("Revoke…", () => void askRevocation(acts, this.now?.members.length ?? 0), true),
      button("Delete…", deleted, true),
    );
  }
}

function stateOf({ loaded, suspended, idle }: OneRoom): string {
  if (!loaded) return "stored, not loaded";
  if (suspended) return "suspended";
  return idle === null ? "in use" : `empty for ${duration(idle)}`;
}

function block(id: string, title: string, sum: HTMLElement | null, ...content: HTMLElement[]): HTMLElement {
  return h(
    "section",
    { class: "block", "aria-labelledby": id },
    h("div", { class: "block-head" }, h("h2", { id }, title), sum),
    ...content,
  );
}

function presenceTable(): Table<Present> {
  return new Table<Present>(
    "Presence",
    [
      { label: "Client id", text: ({ client }) => String(client), value: ({ client }) => String(client) },
      { label: "User", text: ({ user }) => user || "unknown", value: ({ user }) => user },
      { label: "State", text: ({ state }) => shortened(JSON.stringify(state)), tone: () => "code" },
    ],
    ({ client }) => client,
    null,
    "Nobody shows presence.",
  );
}

function refusalsTable(): Table<Refusals> {
  return new Table<Refusals>(
    "Recent refusals",
    [
      { label: "Reason", text: ({ reason }) => reason, value: ({ reason }) => reason },
      { label: "User", text: ({ user }) => user || "unknown", value: ({ user }) => user },
      { label: "Address", text: ({ address }) => address, value: ({ address }) => address },
      { label: "Times", text: ({ times }) => count(times), value: ({ times }) => times, isFigure: true },
      { label: "Last", text: ({ at }) => clock(at * 1000), value: ({ at }) => at, isFigure: true },
    ],
    ({ user, reason, address }) => JSON.stringify([user, reason, address]),
    "Last",
    "Nobody was refused lately.",
    10,
  );
}

/** Who tries again and again is one row. */
function grouped(refusals: Refused[]): Refusals[] {
  const groups = new Map<string, Refusals>();
  for (const { at, user, reason, address } of refusals) {
    const key = JSON.stringify([user, reason, address]);
    const before = groups.get(key);
    groups.set(key, { user, reason, address, at: Math.max(at, before?.at ?? 0), times: (before?.times ?? 0) + 1 });
  }
  return [...groups.values()];
}

function logTable(): Table<LogRow> {
  return new Table<LogRow>(
    "Last rows of the log",
    [
      { label: "Seq", text: ({ seq }) => count(seq), value: ({ seq }) => seq, isFigure: true },
      { label: "At", text: ({ at }) => clock(at) },
      { label: "Author", text: ({ author }) => author || "unknown", value: ({ author }) => author },
      { label: "Bytes", text: ({ size }) => bytes(size), value: ({ size }) => size, isFigure: true },
    ],
    ({ seq }) => seq,
    "Seq",
    "The log is empty.",
    10,
  );
}

function shortened(text: string): string {
  return text.length > STATE_SHOWN ? `${text.slice(0, STATE_SHOWN)}…` : text;
}

/** The most frequent first: `12 by ada, 3 by bo`. */
function summed(kinds: string[]): string {
  const times = new Map<string, number>();
  for (const kind of kinds) times.set(kind, (times.get(kind) ?? 0) + 1);
  const most = [...times].sort(([, a], [, b]) => b - a);
  const rest = most.length - SUMMED;
  const words = most.slice(0, SUMMED).map(([kind, n]) => `${n} by ${kind}`);
  return words.join(", ") + (rest > 0 ? `, and ${rest} more` : "");
}
