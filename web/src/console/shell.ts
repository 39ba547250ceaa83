/** What stays around the views: the bar with the state of the connection, the banner, the notices. */
import { h } from "../dom";
import { clock, duration } from "./format";
import type { Status } from "./model";
import { notices } from "./notice";
import { claimsOf } from "./session";
import type { Condition, Stream } from "./stream";

const CHIPS: Record<Condition["is"], string> = {
  connecting: "Connecting",
  live: "Live",
  paused: "Paused",
  reconnecting: "Reconnecting",
  ended: "Stopped",
};

export class Shell {
  readonly main = h("main", { id: "main", tabindex: -1 });
  private readonly chip = h("span", { class: "chip", role: "status" });
  private readonly ready = h("a", { class: "ready", href: "#/" });
  private readonly version = h("span", { class: "version" });
  private readonly who = h("span", { class: "who" });
  private readonly signOut = h("button", { type: "button", class: "button small" }, "Sign out");
  private readonly bannerWords = h("p", {});
  private readonly retry = h("button", { type: "button", class: "button small" }, "Try now");
  private readonly banner = h("section", { class: "banner", "aria-label": "Connection", hidden: true }, this.bannerWords, this.retry);
  private readonly inside = h("div", { class: "bar-inside" }, h("span", { role: "status" }, this.ready), this.chip, this.who, this.signOut);
  private stream: Stream | null = null;
  private condition: Condition = { is: "connecting" };

  constructor(onSignOut: () => void) {
    this.signOut.addEventListener("click", onSignOut);
    this.retry.addEventListener("click", () => this.stream?.retryNow());
    const skip = h("a", { class: "skip", href: "#main" }, "Skip to the content");
    skip.addEventListener("click", (event) => {
      event.preventDefault(); // the address names the view
      this.main.focus();
    });
    const mark = h("span", { class: "mark", "aria-hidden": "true" });
    document.body.replaceChildren(
      skip,
      h(
        "div",
        { class: "head" },
        h("header", { class: "bar" }, h("a", { class: "brand", href: "#/" }, mark, "motet"), this.version, this.inside),
        this.banner,
      ),
      this.main,
      notices,
    );
    window.setInterval(() => this.tick(), 1000);
  }

  /** Somebody has signed in, and this is their stream; null: nobody. */
  attach(stream: Stream | null, token: string): void {
    this.stream = stream;
    this.inside.hidden = stream === null;
    this.banner.hidden = true;
    document.body.classList.remove("stale");
    const claims = claimsOf(token);
    const until = claims?.expires == null ? "" : `until ${clock(claims.expires * 1000)}`;
    this.who.textContent = claims?.user ?? "";
    this.who.title = `Signed in as ${claims?.user ?? "an admin"} ${until}`.trim();
    this.ready.textContent = "";
    this.version.textContent = "console";
    if (stream !== null) stream.onCondition = (condition) => this.show(condition);
  }

  onStatus = (status: Status): void => {
    const words = status.ready ? "Ready" : "Not ready";
    if (this.ready.textContent !== words) this.ready.textContent = words;
    this.ready.dataset.ready = String(status.ready);
    this.version.textContent = `console · ${status.version} · up ${duration(status.now - status.started)}`;
  };

  private show(condition: Condition): void {
    this.condition = condition;
    this.chip.textContent = CHIPS[condition.is];
    this.chip.dataset.is = condition.is;
    const isDown = this.stream?.isDown === true;
    // While it tries again the figures are still old.
    if (condition.is !== "connecting" || this.stream?.heardAt == null)
      document.body.classList.toggle("stale", isDown || condition.is === "paused");
    this.banner.hidden = !isDown;
    this.retry.hidden = condition.is !== "reconnecting";
    this.tick();
  }

  private tick(): void {
    const { condition, stream } = this;
    if (stream === null || this.banner.hidden || !("reason" in condition)) return;
    const since = stream.heardAt === null ? "" : `Stale since ${clock(stream.heardAt)}: `;
    const left = condition.is === "reconnecting" ? Math.max(0, Math.ceil((condition.retryAt - Date.now()) / 1000)) : null;
    const next = left === null ? "" : left > 0 ? ` Next try in ${left} s.` : " Trying.";
    const words = `${since}${condition.reason}.${next}`;
    this.bannerWords.textContent = words.charAt(0).toUpperCase() + words.slice(1);
  }
}
