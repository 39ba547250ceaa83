/** What came of what was done: shown at the foot of the page, and read to who cannot see it. */
import { h } from "../dom";
import { focusTitle } from "./view";

/** Milliseconds; what went wrong stays until it is closed. */
const SHOWN_FOR = 8000;

const words = h("p", { class: "notice-words" });
const region = h("div", { role: "status", "aria-live": "polite", "aria-atomic": "true" }, words);
const close = h("button", { type: "button", class: "button small", onclick: () => hide() }, "Close");

/** One for the page. */
export const notices = h("div", { class: "notice" }, region, close);
let timer: number | undefined;
hide();

export function tell(text: string, went: "well" | "wrong" = "well"): void {
  window.clearTimeout(timer);
  words.textContent = text;
  notices.classList.add("shown");
  notices.classList.toggle("wrong", went === "wrong");
  close.hidden = false;
  if (went === "well") timer = window.setTimeout(hide, SHOWN_FOR);
}

function hide(): void {
  if (notices.contains(document.activeElement)) focusTitle();
  notices.classList.remove("shown");
  close.hidden = true;
  words.textContent = "";
}
