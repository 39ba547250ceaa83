/** The demo page: two people of one room side by side, each with a connection of their own. */
import "./style.css";
import "./people.css";
import "./text.css";
import "./status.css";
import "./pane.css";
import "./board.css";
import "./note.css";
import { h } from "./dom";
import { createInvite } from "./invite";
import { playOverture } from "./overture";
import { Pane } from "./pane";
import { colorOf, type Identity, initial, rememberedIdentity } from "./people";
import { isSolo, roomFromAddress } from "./room";
import { seedIfNew } from "./seed";
import { Session } from "./session";
import { Unison } from "./unison";

/** Milliseconds between two announcements to screen readers, however many people come. */
const ANNOUNCE_EVERY = 3000;

const room = roomFromAddress();
const first = rememberedIdentity("motet.demo.first", null);
const second = rememberedIdentity("motet.demo.second", first);
document.title = `${room} · Motet`;

const you = new Pane(new Session(room, first), first, "motet.demo.first", "You");
const panes = isSolo()
  ? [you]
  : [you, new Pane(new Session(room, second), second, "motet.demo.second", "Second voice, also you")];

document.body.append(topBar(), stage(), announcer(you));
for (const { session } of panes) watch(session);

function topBar(): HTMLElement {
  const invite = createInvite();
  return h(
    "header",
    { class: "top" },
    h(
      "a",
      { class: "brand", href: "../", "aria-label": "Motet" },
      h("span", { class: "mark", "aria-hidden": "true" }),
      "motet",
    ),
    h("span", { class: "room", title: room }, room),
    h("a", { class: "button new-room", href: "./" }, "New room"),
    invite.button,
    invite.panel,
  );
}

/** The panes, what joins them, and on a narrow screen the tabs that choose between them. */
function stage(): HTMLElement {
  const element = h("div", { class: "stage-row" }, you.element);
  const other = panes[1];
  if (other === undefined) return element;
  const unison = new Unison(you.session, other.session);
  const tabs = panes.map((pane) => tab(pane, () => show(pane)));
  const show = (pane: Pane) => {
    panes.forEach((each, i) => {
      each.element.classList.toggle("behind", each !== pane);
      tabs[i]?.setAttribute("aria-pressed", String(each === pane));
    });
  };
  show(you);
  const [left = "", right = ""] = tabs;
  element.append(h("div", { class: "between" }, left, unison.element, right), other.element);
  return element;
}

function tab(pane: Pane, choose: () => void): HTMLElement {
  const button = h("button", { type: "button", class: "tab", onclick: choose });
  const render = ({ id, name }: Identity) => {
    const face = h("span", { class: "face", "aria-hidden": "true" }, initial(name));
    button.style.setProperty("--voice", colorOf(id));
    button.replaceChildren(face, h("span", { class: "tab-name" }, name));
  };
  pane.onRename = render;
  render(pane.identity);
  return button;
}

/** Tells screen readers who came, not more often than one can listen to. */
function announcer(pane: Pane): HTMLElement {
  const region = h("p", { class: "visually-hidden", "aria-live": "polite" });
  const names: string[] = [];
  let timer: number | undefined;
  pane.roster.onArrivals = (arrivals) => {
    names.push(...arrivals);
    timer ??= window.setTimeout(() => {
      timer = undefined;
      region.textContent = names.length > 3 ? `${names.length} people joined` : `${names.join(", ")} joined`;
      names.length = 0;
    }, ANNOUNCE_EVERY);
  };
  return region;
}

let seeded = false;
let arrived = 0;

function watch(session: Session): void {
  const onSync = (synced: boolean) => {
    if (!synced) return;
    session.provider.off("sync", onSync);
    seeded = seedIfNew(session.doc) || seeded;
    if (++arrived === 2) void overture();
  };
  session.provider.on("sync", onSync);
}

async function overture(): Promise<void> {
  const second = panes[1];
  const alone = you.session.provider.awareness.getStates().size <= panes.length;
  if (second !== undefined && alone) await playOverture(second.session, seeded);
}

document.addEventListener("visibilitychange", () => {
  for (const { session } of panes) session.presence.set({ away: document.hidden });
});

addEventListener("beforeunload", (event) => {
  if (panes.some(({ session }) => session.waiting > 0)) event.preventDefault();
});
