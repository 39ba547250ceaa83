/** Which room, and how much of the page: what the address says. */

const MOODS = ["amber", "quiet", "silver", "early", "distant", "golden", "gentle", "winter", "crimson", "velvet"];
const FORMS = ["canon", "fugue", "madrigal", "rondo", "chorale", "aria", "prelude", "vesper", "carol", "ballade"];
const ROOM_BYTES = 256;

/** The room that the address names; a visitor who names none gets a new one, and its name into the address. */
export function roomFromAddress(): string {
  const named = new URLSearchParams(location.search).get("room") ?? "";
  if (named !== "" && !/\p{Cc}/u.test(named) && new TextEncoder().encode(named).length <= ROOM_BYTES) return named;
  const room = newRoomName();
  const url = new URL(location.href);
  url.searchParams.set("room", room);
  history.replaceState(null, "", url);
  return room;
}

/** Whether the address asks for one pane: a second device is one person. */
export function isSolo(): boolean {
  return new URLSearchParams(location.search).has("solo");
}

function newRoomName(): string {
  const [mood = 0, form = 0, number = 0] = crypto.getRandomValues(new Uint16Array(3));
  return `${MOODS[mood % MOODS.length]}-${FORMS[form % FORMS.length]}-${100 + (number % 900)}`;
}
