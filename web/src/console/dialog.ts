/** A question before an act. The act runs while the dialog is open, so that a refusal is read where it was asked for. */
import { h } from "../dom";
import { inWords } from "./api";
import { tell } from "./notice";
import { focusTitle } from "./view";

interface Question {
  title: string;
  body: (Node | string)[];
  /** The word on the button that does it, after each input. */
  act: () => string;
  danger?: boolean;
  /** Whether what was entered suffices; asked at each input. */
  isReady?: () => boolean;
  /** Does it, and says what came of it. Raises Refusal. */
  run: () => Promise<string>;
}

/** True when it was done, false when the person thought better of it. */
export function ask({ title, body, act, danger = false, isReady = () => true, run }: Question): Promise<boolean> {
  const yes = h("button", { type: "submit", class: danger ? "button danger" : "button primary" });
  const no = h("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Cancel");
  const wrong = h("p", { class: "wrong", role: "alert" });
  const form = h("form", {}, h("h2", { id: "question" }, title), ...body, wrong, h("div", { class: "choices" }, no, yes));
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "question" }, form);
  let done = false;
  let busy = false;
  const refresh = () => {
    yes.disabled = busy || !isReady();
    no.disabled = busy;
    yes.textContent = act();
  };
  form.addEventListener("input", refresh);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (yes.disabled) return;
    busy = true;
    wrong.textContent = "";
    refresh();
    void run()
      .then(
        (result) => {
          done = true;
          dialog.close();
          tell(result);
        },
        (error: unknown) => (wrong.textContent = `That did not work: ${inWords(error)}.`),
      )
      .finally(() => {
        busy = false;
        refresh();
      });
  });
  dialog.addEventListener("cancel", (event) => {
    if (busy) event.preventDefault();
  });
  refresh();
  const opener = document.activeElement;
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      // The button may have gone with its row.
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
      else focusTitle();
      resolve(done);
    });
  });
}
