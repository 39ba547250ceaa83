/** Server-sent events, read with fetch: an EventSource cannot show a token but in the address. */
import { type Api, inWords, Refusal } from "./api";

/** Milliseconds. The server speaks every second; after so long without a word the connection is taken for dead. */
const SILENCE = 6000;
/** Milliseconds before the first new try; it doubles to the last. */
const FIRST_RETRY = 1000;
const LAST_RETRY = 15_000;
/** Milliseconds. Nobody looks at a hidden page, and the server has few streams to give. */
const HIDDEN_FOR = 60_000;

export type Condition =
  | { is: "connecting" | "live" | "paused" }
  | { is: "reconnecting"; /** ms since the epoch */ retryAt: number; reason: string }
  | { is: "ended"; reason: string };

/** Statuses that asking again does not change. */
const PERMANENT = [401, 403, 404];

interface Ending {
  reason: string;
  isFinal: boolean;
}

export interface Heard {
  name: string;
  data: string;
}

/** One stream at a time, opened again whenever it ends, until `stop`. */
export class Stream {
  onCondition: (condition: Condition) => void = () => {};
  /** When the server was last heard, in ms since the epoch. */
  heardAt: number | null = null;
  /** Whether the server cannot be heard; who waits is told of it already. */
  isDown = false;
  private followed: { path: string; onEvent: (heard: Heard) => void } | null = null;
  private left = new AbortController();
  private hurry: () => void = () => {};
  private isPaused = false;
  private hiding: number | undefined;

  constructor(private readonly api: Api) {
    document.addEventListener("visibilitychange", () => this.onVisibility());
  }

  /** Leaves the stream that was followed so far, if any. */
  follow(path: string, onEvent: (heard: Heard) => void): void {
    this.stop();
    this.followed = { path, onEvent };
    this.open();
  }

  stop(): void {
    this.followed = null;
    this.left.abort();
    this.hurry();
  }

  retryNow(): void {
    this.hurry();
  }

  private tell(condition: Condition): void {
    this.isDown = condition.is === "reconnecting" || condition.is === "ended";
    this.onCondition(condition);
  }

  private open(): void {
    if (this.followed === null) return;
    this.isPaused = false;
    this.left = new AbortController();
    this.tell({ is: "connecting" });
    void this.run(this.followed.path, this.followed.onEvent, this.left.signal);
  }

  private onVisibility(): void {
    window.clearTimeout(this.hiding);
    if (document.hidden) this.hiding = window.setTimeout(() => this.pause(), HIDDEN_FOR);
    else if (this.isPaused) this.open();
  }

  private pause(): void {
    if (this.followed === null) return;
    this.isPaused = true;
    this.left.abort();
    this.hurry();
    this.tell({ is: "paused" });
  }

  private async run(path: string, onEvent: (heard: Heard) => void, signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      let isLive = false;
      const ending = await this.read(path, signal, (heard) => {
        this.heardAt = Date.now();
        if (!isLive) this.tell({ is: "live" });
        isLive = true;
        onEvent(heard);
      });
      if (signal.aborted) return;
      if (ending.isFinal) return this.tell({ is: "ended", reason: ending.reason });
      failures = isLive ? 0 : failures + 1;
      // Spread, so that the pages of a server that was restarted do not come back at one moment.
      const wait = Math.min(LAST_RETRY, FIRST_RETRY * 2 ** failures) * (0.75 + Math.random() / 2);
      this.tell({ is: "reconnecting", retryAt: Date.now() + wait, reason: ending.reason });
      await this.waited(wait);
    }
  }

  private waited(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = window.setTimeout(resolve, ms);
      this.hurry = () => {
        window.clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Reads until the end, and says what that was. */
  private async read(path: string, signal: AbortSignal, onEvent: (heard: Heard) => void): Promise<Ending> {
    const silent = new AbortController();
    let watch = window.setTimeout(() => silent.abort(), SILENCE);
    try {
      const answer = await this.api.ask(path, { signal: AbortSignal.any([signal, silent.signal]) });
      if (answer.body === null) return { reason: "the server sent no stream", isFinal: false };
      for await (const heard of events(answer.body)) {
        if (signal.aborted) break;
        window.clearTimeout(watch);
        watch = window.setTimeout(() => silent.abort(), SILENCE);
        onEvent(heard);
      }
      return { reason: "the server closed the stream", isFinal: false };
    } catch (error) {
      if (signal.aborted) return { reason: "left", isFinal: true };
      if (silent.signal.aborted) return { reason: "the server has gone silent", isFinal: false };
      if (error instanceof TypeError) return { reason: "the connection was lost", isFinal: false };
      return { reason: inWords(error), isFinal: error instanceof Refusal && PERMANENT.includes(error.status) };
    } finally {
      window.clearTimeout(watch);
      silent.abort(); // else a stream that was left would be read on
    }
  }
}

/** https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream, without ids and retries. */
async function* events(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<Heard> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let name = "message";
  let data: string[] = [];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split(/\r?\n/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line.startsWith("event:")) name = line.slice(6).trim();
      else if (line.startsWith("data:")) data.push(line.slice(5).trimStart());
      else if (line === "") {
        if (data.length > 0) yield { name, data: data.join("\n") };
        name = "message";
        data = [];
      }
    }
  }
}
