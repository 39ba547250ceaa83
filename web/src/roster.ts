/** Who is here: one face per person, however many tabs and devices they have. */
import { attachPopover, h } from "./dom";
import { initial, type Peer, peerOf, peersOf } from "./people";
import type { Session } from "./session";

const FACES = 4;
/** Milliseconds that somebody who left stays as a grey face: a reload is not a departure. */
const LINGER = 6000;

interface Person {
  readonly peer: Peer;
  readonly devices: number;
  readonly away: boolean;
  readonly self: boolean;
}

export class Roster {
  readonly element: HTMLButtonElement = h("button", { type: "button", class: "roster" });
  readonly panel = h("div", { class: "panel people" });
  /** Called with the names of people who came. */
  onArrivals: (names: string[]) => void = () => {};
  private people = new Map<string, Person>();
  private readonly leaving = new Map<string, { person: Person; timer: number }>();

  constructor(private readonly session: Session) {
    attachPopover(this.element, this.panel);
    session.provider.awareness.on("change", () => this.update());
    this.update();
  }

  private update(): void {
    const present = peopleIn(this.session);
    for (const [id, person] of this.people) {
      if (present.has(id) || this.leaving.has(id)) continue;
      this.leaving.set(id, { person, timer: window.setTimeout(() => this.forget(id), LINGER) });
    }
    const arrivals: string[] = [];
    for (const [id, { peer }] of present) {
      const leaver = this.leaving.get(id);
      if (leaver !== undefined) clearTimeout(leaver.timer);
      if (!this.leaving.delete(id) && !this.people.has(id)) arrivals.push(peer.user.name);
    }
    this.people = present;
    this.render();
    if (arrivals.length > 0) this.onArrivals(arrivals);
  }

  private forget(id: string): void {
    this.leaving.delete(id);
    this.render();
  }

  private render(): void {
    const here = [...this.people.values()];
    const left = [...this.leaving.values()].map(({ person }) => person);
    const faces = [...here.map((person) => face(person, false)), ...left.map((person) => face(person, true))];
    const more = faces.length - FACES;
    const shown = more > 1 ? [...faces.slice(0, FACES), h("span", { class: "face more" }, `+${more}`)] : faces;
    this.element.replaceChildren(...shown);
    this.element.setAttribute("aria-label", `${here.length} here: ${here.map(describe).join(", ")}`);
    this.panel.replaceChildren(
      h("h2", {}, here.length === 1 ? "Only you are here" : `${here.length} people here`),
      h("ul", {}, ...here.map((person) => h("li", {}, face(person, false), h("span", {}, describe(person))))),
    );
  }
}

/** Everyone by user id, oneself first, then in the order of their names. */
function peopleIn({ provider, doc }: Session): Map<string, Person> {
  const own = peerOf(doc.clientID, provider.awareness.getLocalState());
  const people = new Map<string, Person>([[own.user.id, { peer: own, devices: 1, away: own.away, self: true }]]);
  const peers = peersOf(provider.awareness, doc.clientID).sort((a, b) => a.user.name.localeCompare(b.user.name));
  for (const peer of peers) {
    const known = people.get(peer.user.id);
    people.set(peer.user.id, {
      peer: known?.peer ?? peer,
      devices: (known?.devices ?? 0) + 1,
      away: peer.away && (known?.away ?? true),
      self: known?.self ?? false,
    });
  }
  return people;
}

function face({ peer, devices, away }: Person, left: boolean): HTMLElement {
  const element = h("span", { class: `face${away ? " away" : ""}${left ? " left" : ""}` }, initial(peer.user.name));
  element.style.setProperty("--voice", peer.color);
  element.title = left ? `${peer.user.name} left` : peer.user.name;
  if (devices > 1) element.append(h("span", { class: "devices" }, String(devices)));
  return element;
}

function describe({ peer, devices, away, self }: Person): string {
  const notes = [self && "this pane", devices > 1 && `${devices} devices`, away && "away"].filter(
    (note) => note !== false,
  );
  return notes.length > 0 ? `${peer.user.name} (${notes.join(", ")})` : peer.user.name;
}
