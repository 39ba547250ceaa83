/** Movement of what others move: their pointers, and the notes that they drag. */
import { reducedMotion } from "./dom";

/** Milliseconds to cover half of what is left. Positions come every 33 to 80 ms: shorter shows steps, longer lags. */
const HALF_LIFE = 38;
const NEAR = 0.3;

/** A point that follows its target smoothly, whatever the interval of its targets; `place` draws it. */
export class Glide {
  private x = 0;
  private y = 0;
  private target: { x: number; y: number } | null = null;

  constructor(private readonly place: (x: number, y: number) => void) {}

  /** Moves towards a place; the first call, and every call under reduced motion, goes there at once. */
  to(x: number, y: number): void {
    if (this.target === null || reducedMotion.matches) return this.jump(x, y);
    this.target = { x, y };
    start(this);
  }

  jump(x: number, y: number): void {
    this.target = { x, y };
    moving.delete(this);
    this.x = x;
    this.y = y;
    this.place(x, y);
  }

  stop(): void {
    moving.delete(this);
  }

  /** Draws the place after `elapsed` ms more; false when it has arrived. */
  step(elapsed: number): boolean {
    if (this.target === null) return false;
    const share = 1 - 0.5 ** (elapsed / HALF_LIFE);
    this.x += (this.target.x - this.x) * share;
    this.y += (this.target.y - this.y) * share;
    const arrived = Math.hypot(this.target.x - this.x, this.target.y - this.y) < NEAR;
    if (arrived) ({ x: this.x, y: this.y } = this.target);
    this.place(this.x, this.y);
    return !arrived;
  }
}

const moving = new Set<Glide>();
let lastFrame: number | null = null;

function start(glide: Glide): void {
  moving.add(glide);
  if (lastFrame !== null) return;
  lastFrame = performance.now();
  requestAnimationFrame(frame);
}

function frame(now: number): void {
  const elapsed = Math.max(0, now - (lastFrame ?? now));
  for (const glide of moving) if (!glide.step(elapsed)) moving.delete(glide);
  lastFrame = moving.size > 0 ? now : null;
  if (moving.size > 0) requestAnimationFrame(frame);
}
