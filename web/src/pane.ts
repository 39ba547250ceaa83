/** One person's view of the room: header, text, board. */
import { Board } from "./board";
import { h, icon } from "./dom";
import { createEditor } from "./editor";
import { colorOf, type Identity, initial, NAME_LENGTH, parseIdentity, rememberIdentity } from "./people";
import { Roster } from "./roster";
import type { Session, Status } from "./session";

/** Milliseconds: a short interruption needs no banner, and a message no answer. */
const BANNER_AFTER = 5000;
const TOAST_FOR = 4000;

const WORDS: Record<Status["kind"], readonly [label: string, explanation: string]> = {
  connecting: ["Connecting", "Waiting for the server."],
  live: ["Live", "Every edit goes out as you make it."],
  sending: ["Sending", "The network is slow: some of your edits have not left this device yet."],
  reconnecting: ["Reconnecting", "The connection is lost. Go on: your edits are kept here and sent when it is back."],
  offline: ["Offline", "You took this pane offline. Your edits are kept here and sent when you return."],
  refused: ["Not shared", ""],
};

export class Pane {
  readonly element: HTMLElement;
  readonly roster: Roster;
  /** Called after the person changed their name, here or in another tab. */
  onRename: (identity: Identity) => void = () => {};
  private readonly chip = h("span", { class: "chip", role: "status" });
  private readonly message = h("span");
  private readonly retry = h(
    "button",
    { type: "button", class: "button", onclick: () => this.session.setOnline(true) },
    "Try again",
  );
  private readonly banner = h("p", { class: "banner", hidden: true }, this.message, this.retry);
  private readonly toast = h("p", { class: "toast", role: "status" });
  private readonly face = h("span", { class: "face", "aria-hidden": "true" });
  private readonly name: HTMLInputElement;
  private readonly offline: HTMLButtonElement;
  private readonly undo: HTMLButtonElement;
  private readonly redo: HTMLButtonElement;
  private bannerTimer: number | undefined;
  private toastTimer: number | undefined;

  constructor(
    readonly session: Session,
    public identity: Identity,
    private readonly key: string,
    role: string,
  ) {
    this.name = h("input", {
      class: "name",
      "aria-label": "Your name in this pane",
      maxlength: NAME_LENGTH,
      autocomplete: "off",
      spellcheck: "false",
    });
    this.offline = h(
      "button",
      { type: "button", class: "switch", role: "switch", onclick: () => session.setOnline(!session.online) },
      "Offline",
    );
    this.undo = h(
      "button",
      {
        type: "button",
        class: "tool",
        "aria-label": "Undo mine",
        title: "Undo what I did",
        onclick: () => session.undo.undo(),
      },
      icon("undo"),
    );
    this.redo = h(
      "button",
      {
        type: "button",
        class: "tool",
        "aria-label": "Redo mine",
        title: "Redo what I undid",
        onclick: () => session.undo.redo(),
      },
      icon("redo"),
    );
    this.roster = new Roster(session);
    const text = h("section", { class: "text", "aria-label": "Text" });
    this.element = h(
      "section",
      { class: "pane", "aria-label": role },
      h(
        "header",
        { class: "pane-head" },
        this.face,
        h("span", { class: "who" }, this.name, h("span", { class: "role" }, role)),
        this.chip,
        h("span", { class: "pane-tools" }, this.roster.element, this.undo, this.redo, this.offline),
      ),
      this.banner,
      text,
      new Board(session).element,
      this.toast,
      this.roster.panel,
    );
    createEditor(session, text);
    this.listen();
    this.introduce(identity);
    this.renderStatus();
    this.renderUndo();
  }

  private listen(): void {
    const { session } = this;
    session.onStatus = () => this.renderStatus();
    session.onReturn = (edits) => this.say(edits === 0 ? "Back online" : `Back online · ${count(edits)} sent`);
    for (const event of ["stack-item-added", "stack-item-popped", "stack-cleared"] as const) {
      session.undo.on(event, () => this.renderUndo());
    }
    this.name.addEventListener("change", () => this.rename());
    this.name.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.name.blur();
    });
    addEventListener("storage", (event) => {
      const renamed = event.key === this.key ? parseIdentity(event.newValue) : null;
      if (renamed?.id === this.identity.id) this.introduce(renamed);
    });
    this.element.addEventListener("keydown", (event) => this.undoKey(event));
  }

  private undoKey(event: KeyboardEvent): void {
    const key = event.key.toLowerCase();
    if (event.defaultPrevented || !(event.ctrlKey || event.metaKey) || event.target === this.name) return;
    if (key === "z" && !event.shiftKey) this.session.undo.undo();
    else if (key === "y" || key === "z") this.session.undo.redo();
    else return;
    event.preventDefault();
  }

  private rename(): void {
    const name = this.name.value.trim();
    if (name === "") this.name.value = this.identity.name;
    else if (name !== this.identity.name) {
      this.introduce({ ...this.identity, name });
      rememberIdentity(this.key, this.identity);
    }
  }

  private introduce(identity: Identity): void {
    this.identity = identity;
    this.name.value = identity.name;
    this.element.style.setProperty("--voice", colorOf(identity.id));
    this.face.textContent = initial(identity.name);
    this.session.presence.introduce(identity);
    this.onRename(identity);
  }

  private renderStatus(): void {
    const { status, waiting, online } = this.session;
    const [label, explanation] = WORDS[status.kind];
    this.element.dataset["status"] = status.kind;
    this.offline.setAttribute("aria-checked", String(!online));
    this.chip.textContent = waiting > 0 && status.kind !== "live" ? `${label} · ${waiting}` : label;
    this.chip.title = status.kind === "refused" ? status.reason : explanation;
    this.message.textContent = this.chip.title;
    this.retry.hidden = status.kind !== "refused";
    if (status.kind === "connecting" || status.kind === "reconnecting") {
      this.bannerTimer ??= window.setTimeout(() => (this.banner.hidden = false), BANNER_AFTER);
    } else {
      clearTimeout(this.bannerTimer);
      this.bannerTimer = undefined;
      this.banner.hidden = status.kind !== "refused";
    }
  }

  private renderUndo(): void {
    this.undo.disabled = !this.session.undo.canUndo();
    this.redo.disabled = !this.session.undo.canRedo();
  }

  private say(message: string): void {
    this.toast.textContent = message;
    this.toast.classList.add("shown");
    clearTimeout(this.toastTimer);
    this.toastTimer = window.setTimeout(() => this.toast.classList.remove("shown"), TOAST_FOR);
  }
}

export function count(edits: number): string {
  return edits === 1 ? "1 edit" : `${edits} edits`;
}
