/** What is not as it should be, in words, under the alerts' names, and where to look. */
import { h } from "../dom";
import { ago, bytes, duration, plural } from "./format";
import type { OneRoom, Room, Status } from "./model";
import { overviewAddress, roomAddress } from "./route";

/** Seconds and bytes: where the alerts of deploy/prometheus begin, and of a delay to others where a person sees it. */
const LAG = 0.25;
const TO_PEER = 0.1;
const TO_DISK = 0.1;
const WAITING = 4 * 1024 * 1024;
/** The alert for each reason of not being ready; for any other it is MotetNotReady. */
const ALERTS = new Map([
  ["disk", "MotetDiskLow"],
  ["store", "MotetReadOnly"],
  ["keys", "MotetKeysUnavailable"],
  ["loop", "MotetLoopLag"],
]);
/** Names of rooms or people in one line. */
const NAMED = 5;

export interface Finding {
  isBad: boolean;
  words: string;
  /** The alert that tells of the same; its runbook has the cure. */
  alert?: string;
  links?: { words: string; address: string }[];
}

export function ofServer(status: Status, rooms: Room[]): Finding[] {
  const { totals } = status;
  const found: Finding[] = Object.entries(status.reasons).map(([part, reason]) => ({
    isBad: true,
    words: `Not ready, ${part}: ${reason}`,
    alert: ALERTS.get(part) ?? "MotetNotReady",
  }));
  if (!status.ready && found.length === 0) found.push({ isBad: true, words: "Not ready", alert: "MotetNotReady" });
  if (status.divergences > 0)
    found.push({
      isBad: true,
      words: `${plural(status.divergences, "divergence")} found since the start`,
      alert: "MotetDivergence",
    });
  if (status.exceptions > 0)
    found.push({
      isBad: true,
      words: `${plural(status.exceptions, "unexpected exception")} since the start`,
      alert: "MotetExceptions",
    });
  if (status.keys_failing && !("keys" in status.reasons))
    found.push({
      isBad: false,
      words: "The keys of tokens cannot be fetched; those that are held still do",
      alert: "MotetKeysUnavailable",
    });
  if (totals.slowed > 0)
    found.push({
      isBad: false,
      words: `Over a rate, and slowed down, in the last minute: ${plural(totals.slowed, "time")}`,
      alert: "MotetFlood",
      links: [{ words: "show the busiest rooms", address: overviewAddress("rate") }],
    });
  if (totals.behind > 0) {
    const links = named(rooms.filter((room) => room.behind > 0).sort((a, b) => b.behind - a.behind));
    if (links.length === 0) links.push({ words: "show the rooms", address: overviewAddress("behind") });
    found.push({
      isBad: false,
      words: `${plural(totals.behind, "member reads", "members read")} too slowly`,
      alert: "MotetMembersBehind",
      links,
    });
  }
  if (totals.journal_bytes > WAITING)
    found.push({ isBad: true, words: `${bytes(totals.journal_bytes)} of edits wait for the disk`, alert: "MotetJournalFull" });
  found.push(...slow("The event loop is late by", totals.loop_lag, LAG, "MotetLoopLag"));
  found.push(...slow("From edit to peer, p99:", totals.peer_p99, TO_PEER));
  found.push(...slow("From edit to disk, p99:", totals.durable_p99, TO_DISK, "MotetCommitsSlow"));
  const suspended = rooms.filter((room) => room.suspended);
  if (suspended.length > 0)
    found.push({ isBad: true, words: `${plural(suspended.length, "room is", "rooms are")} suspended`, links: named(suspended) });
  return found;
}

export function ofRoom(room: OneRoom): Finding[] {
  const found: Finding[] = [];
  if (room.suspended) found.push({ isBad: true, words: "This room is suspended: it takes no edits" });
  for (const member of room.members.filter(({ behind }) => behind).slice(0, NAMED)) {
    const who = member.user || "somebody unknown";
    found.push({
      isBad: false,
      words: `${who} (${member.dialect}, ${member.address}) reads too slowly: ${bytes(member.buffered)} wait, last heard ${ago(member.last_seen)}`,
      alert: "MotetMembersBehind",
    });
  }
  found.push(...slow("Its last edit took long to reach the disk:", room.lag, TO_DISK, "MotetCommitsSlow"));
  return found;
}

function slow(words: string, seconds: number | null, most: number, alert?: string): Finding[] {
  if (seconds === null || seconds <= most) return [];
  return [{ isBad: seconds > 10 * most, words: `${words} ${duration(seconds)}`, ...(alert === undefined ? {} : { alert }) }];
}

function named(rooms: Room[]): { words: string; address: string }[] {
  return rooms.slice(0, NAMED).map(({ room }) => ({ words: room, address: roomAddress(room) }));
}

/** What stays is not drawn again: a link in it may have the focus. */
export class Findings {
  readonly element = h("ul", { class: "findings" });
  private items = new Map<string, HTMLElement>();

  constructor(private readonly nothing: string) {}

  show(found: Finding[]): void {
    const items = new Map<string, HTMLElement>();
    for (const finding of found) {
      const key = JSON.stringify(finding);
      items.set(key, this.items.get(key) ?? itemOf(finding));
    }
    if (found.length === 0) items.set("", this.items.get("") ?? h("li", { class: "good" }, this.nothing));
    for (const [key, item] of this.items) if (!items.has(key)) item.remove();
    let next = this.element.firstElementChild;
    for (const item of items.values()) {
      if (item === next) next = next.nextElementSibling;
      else this.element.insertBefore(item, next);
    }
    this.items = items;
  }
}

function itemOf({ isBad, words, alert, links = [] }: Finding): HTMLElement {
  return h(
    "li",
    { class: isBad ? "bad" : "warn" },
    h("span", {}, words),
    ...links.map(({ words, address }) => h("a", { href: address }, words)),
    alert === undefined ? null : h("code", { class: "alert", title: "The alert, as the runbook names it" }, alert),
  );
}
