/** The door: a token is pasted, tried, and kept if it is an administrator's. */
import { h } from "../dom";
import { Api, inWords, isOpen, Refusal, UNREACHABLE } from "./api";
import type { Status } from "./model";
import { cleaned, isSendable } from "./session";

const MAKE = "motet token --user you --room '**=admin'";

export class SignIn {
  readonly element: HTMLElement;
  private readonly field = h("input", {
    class: "field",
    id: "token",
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    "aria-describedby": "token-help token-wrong",
  });
  private readonly wrong = h("p", { id: "token-wrong", class: "wrong", role: "alert" });
  private readonly button = h("button", { type: "submit", class: "button primary" }, "Sign in");

  constructor(
    private readonly onToken: (token: string) => void,
    why: string,
  ) {
    const form = h(
      "form",
      {},
      h("label", { for: "token" }, "Admin token"),
      h("div", { class: "token-row" }, this.field, this.button),
      this.wrong,
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.tryToken();
    });
    this.wrong.textContent = why;
    this.element = h(
      "div",
      { class: "door" },
      h("h1", { tabindex: -1 }, "Console"),
      form,
      h(
        "p",
        { id: "token-help", class: "help" },
        "It needs the role admin in all rooms. On the server’s machine this makes one for an hour: ",
        h("code", {}, MAKE),
        ". It is kept in this tab, and forgotten when you sign out or close it.",
      ),
    );
  }

  focus(): void {
    this.field.focus();
  }

  private async tryToken(): Promise<void> {
    const token = cleaned(this.field.value);
    this.wrong.textContent = "";
    if (!isSendable(token)) return this.refuse("That is no token: a token is one word of letters, digits and signs.");
    this.button.disabled = true;
    try {
      await new Api(token).get<Status>("status");
      this.onToken(token);
    } catch (error) {
      this.refuse(await explained(error));
    } finally {
      this.button.disabled = false;
    }
  }

  private refuse(words: string): void {
    this.wrong.textContent = words;
    this.field.setAttribute("aria-invalid", "true");
    this.field.focus();
    this.field.select();
  }
}

/** A refusal in words that say what to do. */
export async function explained(error: unknown): Promise<string> {
  const words = inWords(error);
  const status = error instanceof Refusal ? error.status : UNREACHABLE;
  if (status === 401 && /expired/.test(words)) return "This token has expired. Make a new one and paste it here.";
  if (status === 401) return `The server does not accept this token: ${words}.`;
  if (status === 403 && (await isOpen()))
    return "This server has no authentication: it lets everybody edit (--open), and so it knows no admins. The console needs a server with, for example, MOTET_SECRET.";
  if (status === 403) return "This token is good, but it is not an admin’s: the console needs the role admin in all rooms (**).";
  if (status === 404) return "There is no console API at this address: is a proxy in between that leaves out /api/v1?";
  if (status === UNREACHABLE) return "The server cannot be reached. Try again when it answers.";
  return `The server cannot check this token now: ${words}.`;
}
