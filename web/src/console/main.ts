/** The operator's console: signs in, and shows the view that the address names. */
import "./console.css";
import "./parts.css";
import "./plot.css";
import "./table.css";
import "./dialog.css";
import { h } from "../dom";
import { Api } from "./api";
import { Overview } from "./overview";
import { RoomView } from "./room";
import { roomAddress, routeOf } from "./route";
import { forgetToken, keepToken, keptToken } from "./session";
import { Shell } from "./shell";
import { explained, SignIn } from "./signin";
import { Stream } from "./stream";
import { type Around, focusTitle, type View } from "./view";

const shell = new Shell(() => signOut(""));
let around: Around | null = null;
let view: View | null = null;

addEventListener("hashchange", () => {
  if (around === null) return;
  open(around);
  focusTitle();
  scrollTo(0, 0);
});

const token = keptToken();
if (token === null) signOut("");
else signIn(token);

function signIn(token: string): void {
  keepToken(token);
  const api = new Api(token);
  const stream = new Stream(api);
  around = { api, stream, onStatus: shell.onStatus };
  api.onEnded = (refusal) => {
    if (around?.api === api) void explained(refusal).then(signOut);
  };
  shell.attach(stream, token);
  open(around);
}

/** Forgets the token, and asks for another; the address stays, so that one comes back to the same view. */
function signOut(why: string): void {
  forgetToken();
  view?.close();
  view = null;
  around?.stream.stop();
  around = null;
  shell.attach(null, "");
  const door = new SignIn((token) => {
    signIn(token);
    focusTitle();
  }, why);
  document.title = "Sign in · Motet console";
  shell.main.replaceChildren(door.element);
  door.focus();
}

function open(around: Around): void {
  view?.close();
  view = viewOf(around);
  document.title = `${view.title} · Motet console`;
  shell.main.replaceChildren(view.element);
}

function viewOf(around: Around): View {
  const route = routeOf(location.hash);
  if (route.view === "overview") return new Overview(around, route.by);
  if (route.view === "room") return new RoomView(around, route.room);
  return nowhere(around);
}

function nowhere({ stream }: Around): View {
  stream.stop();
  const address = roomAddress("notes/a");
  return {
    title: "No such page",
    element: h(
      "div",
      {},
      h("h1", { tabindex: -1 }, "There is no such page"),
      h("p", {}, `A room’s address is made like ${address}. `, h("a", { href: "#/" }, "The server’s page")),
    ),
    close: () => {},
  };
}
