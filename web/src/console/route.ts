/** Addresses within the page: `#/`, `#/?by=behind`, `#/rooms/<encoded name>`. */
import { ORDERS, type Order } from "./model";

export type Route = { view: "overview"; by: Order } | { view: "room"; room: string } | { view: "nowhere" };

export function routeOf(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?", 2);
  if (path === "" || path === "/") return { view: "overview", by: orderOf(new URLSearchParams(query).get("by")) };
  const name = /^\/rooms\/([^/]+)$/.exec(path)?.[1];
  const room = name === undefined ? null : decoded(name);
  return room === null ? { view: "nowhere" } : { view: "room", room };
}

export function roomAddress(room: string): string {
  return `#/rooms/${encodeURIComponent(room)}`;
}

export function overviewAddress(by: Order = "rate"): string {
  return by === "rate" ? "#/" : `#/?by=${by}`;
}

function orderOf(word: string | null): Order {
  return ORDERS.find((order) => order === word) ?? "rate";
}

function decoded(name: string): string | null {
  try {
    return decodeURIComponent(name);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}
