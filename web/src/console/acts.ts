/** What an operator does to a room and to those in it. Each says what it will do before, and what came of it after. */
import { h } from "../dom";
import { type Api, inWords, roomPath, segment } from "./api";
import { ask } from "./dialog";
import { plural, whoOf } from "./format";
import type { Member } from "./model";
import { tell } from "./notice";

/** Milliseconds until a download's memory is given back: by then the browser has taken it. */
const TAKEN = 60_000;
const KNOWN_ROLES = ["viewer", "commenter", "editor", "admin", "none"];
const BY_TOKEN = "";

export class RoomActs {
  constructor(
    private readonly api: Api,
    readonly room: string,
  ) {}

  async kick(member: Member): Promise<string> {
    await this.api.ask(roomPath(this.room, "members", String(member.member)), { method: "DELETE" });
    return `Kicked ${whoOf(member)}: that connection is closed.`;
  }

  /** `BY_TOKEN` takes an earlier ruling back. */
  async setRole(user: string, role: string): Promise<string> {
    const path = roomPath(this.room, "roles", segment(user));
    if (role === BY_TOKEN) {
      await this.api.ask(path, { method: "DELETE" });
      return `${user} has the role again that the token says.`;
    }
    await this.api.ask(path, { method: "PUT", body: { role } });
    return role === "none" ? `${user} is kept out of this room.` : `${user} has the role ${role} here now.`;
  }

  async revokeUser(user: string): Promise<string> {
    await this.api.ask("revocations", { method: "POST", body: { user } });
    return `All that ${user} was granted up to now has ended.`;
  }

  async revokeRoom(): Promise<string> {
    await this.api.ask("revocations", { method: "POST", body: { room: this.room } });
    return "All that was granted for this room up to now has ended.";
  }

  async delete(): Promise<string> {
    await this.api.ask(roomPath(this.room), { method: "DELETE" });
    return `Deleted ${this.room}.`;
  }

  async resync(): Promise<string> {
    await this.api.ask(roomPath(this.room, "resync"), { method: "POST" });
    return "Resync: all members were asked for what the server lacks, and sent what they lack.";
  }

  async compact(): Promise<string> {
    await this.api.ask(roomPath(this.room, "compact"), { method: "POST" });
    return "Compacted: a new snapshot stands for the log.";
  }

  async download(): Promise<string> {
    const answer = await this.api.ask(roomPath(this.room, "update"));
    const address = URL.createObjectURL(await answer.blob());
    h("a", { href: address, download: fileName(this.room) }).click();
    window.setTimeout(() => URL.revokeObjectURL(address), TAKEN);
    return `Downloaded ${fileName(this.room)}: the whole document as one Yjs update.`;
  }
}

export function fileName(room: string): string {
  return `${room.replace(/[^\p{L}\p{N}._-]+/gu, "_").replace(/^[._]+/, "") || "room"}.yjs`;
}

/** A button that acts at once; while it does, it cannot be pressed again. */
export function actButton(words: string, act: () => Promise<string>): HTMLButtonElement {
  const button = h("button", { type: "button", class: "button" }, words);
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true"); // `disabled` would take the focus away
    void act()
      .then(tell, (error: unknown) => tell(`${words} did not work: ${inWords(error)}.`, "wrong"))
      .finally(() => button.removeAttribute("aria-disabled"));
  });
  return button;
}

/** Sets the role of a member, or (null) of a user to be named. */
export function askRole(acts: RoomActs, roles: string[], member: Member | null): Promise<boolean> {
  const user = h("input", { class: "field", id: "role-user", required: true, autocomplete: "off", spellcheck: "false" });
  const names = [...new Set([...KNOWN_ROLES, ...roles])];
  const role = h(
    "select",
    { class: "field", id: "role" },
    ...names.map((name) => h("option", { value: name }, name === "none" ? "none: kept out of this room" : name)),
    h("option", { value: BY_TOKEN }, "what the token says"),
  );
  if (member !== null) {
    user.value = member.user;
    user.readOnly = true;
    role.value = member.role;
  }
  return ask({
    title: "Set a role",
    body: [
      h("p", {}, "It holds in this room, on open connections too, whatever the user’s token says."),
      h("label", { for: "role-user" }, "User id"),
      user,
      h("label", { for: "role" }, "Role"),
      role,
    ],
    act: () => "Set role",
    isReady: () => user.value !== "",
    run: () => acts.setRole(user.value, role.value),
  });
}

interface Way {
  id: string;
  words: string;
  means: string;
  run: () => Promise<string>;
}

/** The three ways of showing somebody out, from the mildest. */
export function askRemoval(acts: RoomActs, member: Member): Promise<boolean> {
  const kick: Way = {
    id: "kick",
    words: "Kick",
    means: "This one connection is closed. The user may come back at once.",
    run: () => acts.kick(member),
  };
  const ofUser: Way[] = [
    {
      id: "bar",
      words: "Keep out of this room",
      means: "The role none: every device of theirs leaves, until you set another role.",
      run: () => acts.setRole(member.user, "none"),
    },
    {
      id: "revoke",
      words: "Revoke everywhere",
      means: "Every token they have now ends, in all rooms. With a new token they may come back.",
      run: () => acts.revokeUser(member.user),
    },
  ];
  const ways = member.user === "" ? [kick] : [kick, ...ofUser]; // of who is unknown there is this connection alone
  const choices = ways.map(({ id, words, means }, i) =>
    h(
      "label",
      { class: "choice" },
      h("input", { type: "radio", name: "way", value: id, checked: i === 0 }),
      h("span", {}, h("strong", {}, words), h("span", { class: "help" }, means)),
    ),
  );
  const way = h("fieldset", {}, h("legend", {}, `${member.dialect} from ${member.address}`), ...choices);
  const chosen = () => ways.find(({ id }) => id === way.querySelector<HTMLInputElement>("input:checked")?.value) ?? kick;
  return ask({
    title: `Show ${whoOf(member)} out?`,
    body: [way],
    act: () => chosen().words,
    danger: true,
    run: () => chosen().run(),
  });
}

export function askRevocation(acts: RoomActs, members: number): Promise<boolean> {
  return ask({
    title: "Revoke all grants for this room?",
    body: [
      h("p", {}, h("strong", { class: "name" }, acts.room)),
      h("p", {}, `${plural(members, "member")} will be closed now. Who gets a new token may come back.`),
    ],
    act: () => "Revoke",
    danger: true,
    run: () => acts.revokeRoom(),
  });
}

/** The name is typed, since nothing brings the room back. */
export function askDeletion(acts: RoomActs): Promise<boolean> {
  const typed = h("input", { class: "field", id: "typed", autocomplete: "off", spellcheck: "false" });
  return ask({
    title: "Delete this room for good?",
    body: [
      h("p", {}, "The document, its log and its snapshots are deleted, its members are told, and its name is not used again. Download it first if in doubt."),
      h("label", { for: "typed" }, "To delete it, type its name: ", h("strong", { class: "name" }, acts.room)),
      typed,
    ],
    act: () => "Delete for good",
    danger: true,
    isReady: () => typed.value === acts.room,
    run: () => acts.delete(),
  });
}
