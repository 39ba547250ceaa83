/** The link for a second device. */
import { attachPopover, h, icon } from "./dom";
import { qrCode } from "./qr";

const COPIED_FOR = 2000;

/** The button and its panel. The link opens the room in one pane: the other device is one more person. */
export function createInvite(): { button: HTMLButtonElement; panel: HTMLElement } {
  const link = inviteLink();
  const field = h("input", { class: "field", readonly: true, value: link, "aria-label": "Link to this room" });
  const copy = h("button", { type: "button", class: "button" }, "Copy link");
  copy.addEventListener("click", () => {
    void copyFrom(field).then((copied) => {
      copy.textContent = copied ? "Copied" : "Press Ctrl+C";
      setTimeout(() => (copy.textContent = "Copy link"), COPIED_FOR);
    });
  });
  const loopback = /^(localhost|127\.|\[::1\])/.test(location.hostname);
  const panel = h(
    "div",
    { class: "panel invite" },
    h("h2", {}, "Open this room on a second device"),
    h("div", { class: "invite-row" }, field, copy),
    loopback
      ? h(
          "p",
          {},
          "This server listens on this machine only: try the link in another browser window. To let a phone in, serve the page on an address that it can reach.",
        )
      : h("div", { class: "qr", role: "img", "aria-label": "QR code of the link" }, qrCode(link)),
  );
  const button = h("button", { type: "button", class: "button primary" }, icon("link"), h("span", {}, "Second device"));
  attachPopover(button, panel);
  return { button, panel };
}

function inviteLink(): string {
  const url = new URL(location.href);
  url.searchParams.set("solo", "");
  return url.href;
}

/** Selects and copies the field; by the old way where a page over plain HTTP has no clipboard. */
async function copyFrom(field: HTMLInputElement): Promise<boolean> {
  field.select();
  if (!isSecureContext) return document.execCommand("copy");
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch (error) {
    if (error instanceof DOMException) return false; // the person said no; the link is selected
    throw error;
  }
}
