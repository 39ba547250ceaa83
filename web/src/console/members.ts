/** Who is in a room, and what can be done about each. */
import { h } from "../dom";
import { askRemoval, askRole, type RoomActs } from "./acts";
import { ago, bytes, clock, count, duration, whoOf } from "./format";
import type { Member } from "./model";
import { type Column, Table } from "./table";

export function membersTable(acts: RoomActs, roles: () => string[]): Table<Member> {
  const columns: Column<Member>[] = [
    { label: "User", text: whoOf, value: whoOf },
    { label: "Client", text: ({ dialect }) => dialect, value: ({ dialect }) => dialect },
    { label: "Role", text: ({ role, expires }) => `${role}${untilOf(expires)}`, value: ({ role }) => role },
    { label: "Address", text: ({ address }) => address, value: ({ address }) => address },
    { label: "Since", text: ({ since }) => clock(since), value: ({ since }) => since, isFigure: true },
    { label: "Last seen", text: (m) => ago(m.last_seen), value: (m) => m.last_seen, isFigure: true },
    {
      label: "Queued",
      text: ({ buffered, behind }) => `${bytes(buffered)}${behind ? ", behind" : ""}`,
      // Who is behind comes first, whatever waits for the others' sockets.
      value: ({ buffered, behind }) => buffered + (behind ? 1e15 : 0),
      tone: ({ behind }) => (behind ? "warn" : ""),
      isFigure: true,
    },
    { label: "Latency", text: ({ latency }) => duration(latency), value: ({ latency }) => latency ?? -1, isFigure: true },
    { label: "Edits", text: ({ edits }) => count(edits), value: ({ edits }) => edits, isFigure: true },
    {
      label: "Act",
      text: () => "",
      make: (_, row) => {
        const about = (verb: string) => `${verb} ${whoOf(row())}, member ${row().member}`;
        const role = h("button", { type: "button", class: "button small", "aria-label": about("Set the role of") }, "Role…");
        const kick = h("button", { type: "button", class: "button small", "aria-label": about("Kick") }, "Kick…");
        role.addEventListener("click", () => void askRole(acts, roles(), row()));
        kick.addEventListener("click", () => void askRemoval(acts, row()));
        return h("span", { class: "acts" }, role, kick);
      },
    },
  ];
  return new Table("Members", columns, ({ member }) => member, "Queued", "Nobody is in this room.");
}

function untilOf(expires: number | null): string {
  return expires === null ? "" : `, until ${clock(expires * 1000)}`;
}
