/** The others' pointers over the board. */
import { h, icon } from "./dom";
import { Glide } from "./motion";
import type { Peer } from "./people";

/** Milliseconds: the name is in the way once a pointer rests, and later the pointer itself hardly matters. */
const LABEL_FOR = 1500;
const IDLE_AFTER = 3000;

class Pointer {
  readonly element = h(
    "div",
    { class: "pointer", "aria-hidden": "true" },
    icon("pointer"),
    h("span", { class: "pointer-label" }),
  );
  private readonly label = this.element.lastElementChild as HTMLElement;
  private readonly glide = new Glide((x, y) => {
    this.element.style.translate = `${x * this.scale}px ${y * this.scale}px`;
  });
  private scale = 1;
  private at = { x: Number.NaN, y: Number.NaN };
  private timers: number[] = [];

  show(peer: Peer, at: { x: number; y: number }, scale: number): void {
    this.element.style.setProperty("--voice", peer.color);
    this.label.textContent = peer.user.name;
    if (scale !== this.scale) {
      this.scale = scale;
      this.glide.jump(at.x, at.y);
    }
    if (at.x === this.at.x && at.y === this.at.y) return;
    this.at = at;
    this.glide.to(at.x, at.y);
    this.timers.forEach(clearTimeout);
    this.element.classList.add("moving");
    this.element.classList.remove("idle");
    this.timers = [
      window.setTimeout(() => this.element.classList.remove("moving"), LABEL_FOR),
      window.setTimeout(() => this.element.classList.add("idle"), IDLE_AFTER),
    ];
  }

  remove(): void {
    this.timers.forEach(clearTimeout);
    this.glide.stop();
    this.element.remove();
  }
}

export class Pointers {
  private readonly pointers = new Map<number, Pointer>();

  constructor(private readonly layer: HTMLElement) {}

  render(peers: readonly Peer[], scale: number): void {
    const present = new Set<number>();
    for (const peer of peers) {
      if (peer.pointer === null) continue;
      present.add(peer.client);
      let pointer = this.pointers.get(peer.client);
      if (pointer === undefined) {
        pointer = new Pointer();
        this.pointers.set(peer.client, pointer);
        this.layer.append(pointer.element);
      }
      pointer.show(peer, peer.pointer, scale);
    }
    for (const [client, pointer] of this.pointers) {
      if (present.has(client)) continue;
      pointer.remove();
      this.pointers.delete(client);
    }
  }
}
