/** The server: whether it is well, the last hour, the busiest rooms. */
import { h } from "../dom";
import { inWords } from "./api";
import { Findings, ofServer } from "./attention";
import { Figures } from "./figures";
import { bytes, count, duration, plural, rate } from "./format";
import type { History, Order, Room, Rooms, Status } from "./model";
import { tell } from "./notice";
import { Plots } from "./plots";
import { overviewAddress, roomAddress } from "./route";
import { type Column, Table } from "./table";
import type { Around, View } from "./view";

const TOP = 50;
/** Milliseconds: a step of the server's history. */
const HISTORY_EVERY = 10_000;

const COLUMNS: (Column<Room> & { order?: Order })[] = [
  {
    label: "Room",
    text: ({ room }) => room,
    make: (words, row) => {
      const link = h("a", { class: "name", href: roomAddress(row().room) });
      link.append(words);
      return link;
    },
  },
  { label: "Updates/s", order: "rate", text: (room) => rate(room.rate), value: (room) => room.rate, isFigure: true },
  { label: "People", order: "people", text: (room) => count(room.people), value: (room) => room.people, isFigure: true },
  { label: "Size", order: "bytes", text: (room) => bytes(room.bytes), value: (room) => room.bytes, isFigure: true },
  {
    label: "Behind",
    order: "behind",
    text: (room) => count(room.behind),
    value: (room) => room.behind,
    tone: (room) => (room.behind > 0 ? "warn" : "soft"),
    isFigure: true,
  },
  { label: "Lag", order: "lag", text: (room) => duration(room.lag), value: (room) => room.lag ?? -1, isFigure: true },
  { label: "Log rows", text: (room) => count(room.log_rows), isFigure: true },
  {
    label: "State",
    text: (room) => (room.suspended ? "suspended" : room.idle === null ? "in use" : `empty for ${duration(room.idle)}`),
    tone: (room) => (room.suspended ? "bad" : room.idle === null ? "" : "soft"),
  },
];

export class Overview implements View {
  readonly title = "Server";
  readonly element: HTMLElement;
  private readonly findings = new Findings("Nothing wants attention.");
  private readonly figures = new Figures();
  private readonly plots = new Plots();
  private readonly table: Table<Room>;
  private readonly loaded = h("p", { class: "span" });
  private readonly finder: Finder;
  private readonly closed = new AbortController();
  private rooms: Room[] = [];

  constructor(
    private readonly around: Around,
    private by: Order,
  ) {
    this.finder = new Finder(() => this.showRooms());
    this.table = new Table("The busiest rooms", COLUMNS, ({ room }) => room, labelOf(by), "No room like that is among the busiest.", TOP);
    this.table.onOrder = (label) => this.orderBy(COLUMNS.find((column) => column.label === label)?.order ?? "rate");
    this.element = h(
      "div",
      {},
      h("h1", { tabindex: -1 }, "Server"),
      h("section", { "aria-labelledby": "attention" }, h("h2", { id: "attention", class: "visually-hidden" }, "What wants attention"), this.findings.element),
      h("section", { "aria-labelledby": "totals" }, h("h2", { id: "totals", class: "visually-hidden" }, "Totals"), this.figures.element),
      this.plots.element,
      h(
        "section",
        { class: "block", "aria-labelledby": "rooms" },
        h("div", { class: "block-head" }, h("h2", { id: "rooms" }, "Busiest rooms"), this.loaded, this.finder.element),
        this.table.element,
      ),
    );
    this.follow();
    void this.refreshHistory();
    const timer = window.setInterval(() => void this.refreshHistory(), HISTORY_EVERY);
    this.closed.signal.addEventListener("abort", () => window.clearInterval(timer));
  }

  close(): void {
    this.closed.abort();
  }

  private follow(): void {
    this.around.stream.follow(`events?by=${this.by}&top=${TOP}`, ({ name, data }) => {
      if (name !== "status") return;
      const told = JSON.parse(data) as Status & Rooms;
      this.around.onStatus(told);
      this.show(told);
    });
  }

  private show(told: Status & Rooms): void {
    const { totals } = told;
    this.rooms = told.rooms;
    this.findings.show(ofServer(told, told.rooms));
    this.figures.show({
      People: count(totals.people),
      Members: count(totals.members),
      Connections: count(totals.connections),
      Rooms: count(totals.rooms),
      "Updates/s": rate(totals.updates_per_second),
      "To peer, p50": duration(totals.peer_p50),
      "To disk, p50": duration(totals.durable_p50),
      "Waits for disk": bytes(totals.journal_bytes),
    });
    this.plots.setNow(totals);
    this.loaded.textContent = `${plural(told.loaded, "room")} loaded`;
    this.showRooms();
  }

  private showRooms(): void {
    this.table.show(this.rooms.filter(({ room }) => this.finder.fits(room)));
  }

  private orderBy(order: Order): void {
    this.by = order;
    history.replaceState(null, "", overviewAddress(order)); // the address says what is seen, and is no step back
    this.follow();
  }

  private async refreshHistory(): Promise<void> {
    if (document.hidden) return;
    try {
      this.plots.draw(await this.around.api.get<History>("history", this.closed.signal));
    } catch (error) {
      if (this.closed.signal.aborted || this.around.stream.isDown) return; // the banner says it already
      tell(`The last hour cannot be shown: ${inWords(error)}.`, "wrong");
    }
  }
}

function labelOf(order: Order): string {
  return COLUMNS.find((column) => column.order === order)?.label ?? "Updates/s";
}

/** Narrows the table as one types, and opens any room by its whole name, busy or not. */
class Finder {
  readonly element: HTMLElement;
  private readonly field = h("input", { class: "field", id: "find", type: "search", placeholder: "Room name", autocomplete: "off", spellcheck: "false" });

  constructor(onInput: () => void) {
    this.field.addEventListener("input", onInput);
    this.element = h(
      "form",
      { class: "finder", role: "search" },
      h("label", { for: "find", class: "visually-hidden" }, "Find a room by name"),
      this.field,
      h("button", { type: "submit", class: "button" }, "Open room"),
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      const name = this.field.value.trim();
      if (name === "") this.field.focus();
      else location.hash = roomAddress(name);
    });
  }

  fits(room: string): boolean {
    return room.toLowerCase().includes(this.field.value.trim().toLowerCase());
  }
}
