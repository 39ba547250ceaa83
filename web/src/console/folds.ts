/** What is loaded only when somebody opens it: the document as JSON, the hash of its state. */
import { h } from "../dom";
import { type Api, inWords, roomPath } from "./api";
import { count, plural } from "./format";
import type { StateHash } from "./model";

/** Characters that are shown of a document: a browser lays out this much at once. */
const SHOWN = 200_000;

export function jsonFold(api: Api, room: string): HTMLElement {
  const text = h("pre", { class: "json", tabindex: 0, "aria-label": "The document as JSON" });
  return fold("The document as JSON", text, async (note) => {
    const json = JSON.stringify(await api.get<unknown>(roomPath(room, "document")), null, 2);
    text.textContent = json.slice(0, SHOWN);
    note.textContent = json.length > SHOWN ? `The first ${count(SHOWN)} of ${plural(json.length, "character")}.` : "";
  });
}

export function hashFold(api: Api, room: string): HTMLElement {
  const hash = h("code", { class: "hash" });
  const clients = h("pre", { class: "json", tabindex: 0, "aria-label": "State vector" });
  const inside = h("div", {}, h("p", {}, hash), clients);
  return fold("The hash of its state", inside, async (note) => {
    const state = await api.get<StateHash>(roomPath(room, "hash"));
    hash.textContent = state.hash;
    const clocks = Object.entries(state.state_vector).sort(([, a], [, b]) => b - a);
    clients.textContent = clocks.map(([client, clock]) => `${client.padStart(10)}: ${clock}`).join("\n");
    note.textContent = `At seq ${count(state.seq)}, of ${plural(clocks.length, "client")}: equal hashes are equal documents.`;
  });
}

function fold(title: string, content: HTMLElement, load: (note: HTMLElement) => Promise<void>): HTMLElement {
  const note = h("p", { class: "help", role: "status" });
  const again = h("button", { type: "button", class: "button small", onclick: () => void refresh() }, "Load again");
  const inside = h("div", { class: "fold-inside" }, content, h("div", { class: "fold-foot" }, again, note));
  const details = h("details", { class: "fold" }, h("summary", {}, title), inside);
  const refresh = async (): Promise<void> => {
    note.textContent = "Loading…";
    note.classList.remove("wrong");
    try {
      await load(note);
      content.hidden = false;
    } catch (error) {
      content.hidden = true;
      note.classList.add("wrong");
      note.textContent = `It cannot be shown: ${inWords(error)}.`;
    }
  };
  content.hidden = true;
  details.addEventListener("toggle", () => {
    if (details.open && content.hidden) void refresh();
  });
  return details;
}
