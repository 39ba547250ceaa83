/** The server's API, asked with an administrator's token. */

/** Beside the page, whatever path a proxy has put both under. */
const API = new URL("../api/v1/", document.baseURI);

/** The status of an answer that never came. */
export const UNREACHABLE = 0;

/** An answer that is not the one asked for; the message is the server's own words. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    words: string,
  ) {
    super(words);
  }
}

interface Asked {
  method?: "GET" | "PUT" | "POST" | "DELETE";
  body?: unknown;
  signal?: AbortSignal;
}

export class Api {
  /** Called when the token is no longer good: whatever was asked, there is no use in asking on. */
  onEnded: (refusal: Refusal) => void = () => {};

  constructor(private readonly token: string) {}

  async get<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
    const answer = await this.ask(path, signal === undefined ? {} : { signal });
    return (await answer.json()) as Answer;
  }

  /** Raises Refusal for every answer that is not a success, and when there is none. */
  async ask(path: string, { method = "GET", body, signal }: Asked = {}): Promise<Response> {
    const headers: Record<string, string> = { Authorization: `Bearer ${this.token}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const request: RequestInit = { method, headers, credentials: "omit", cache: "no-store" };
    if (body !== undefined) request.body = JSON.stringify(body);
    if (signal !== undefined) request.signal = signal;
    try {
      return await answered(path, request);
    } catch (error) {
      if (error instanceof Refusal && error.status === 401) this.onEnded(error);
      throw error;
    }
  }
}

/** Whether the server lets in who shows nothing: then it runs open, and nobody administers it. */
export async function isOpen(): Promise<boolean> {
  try {
    await answered("status", { credentials: "omit", cache: "no-store" });
    return true;
  } catch (error) {
    if (error instanceof Refusal) return error.status === 403;
    throw error;
  }
}

async function answered(path: string, request: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(new URL(path, API), request);
  } catch (error) {
    if (request.signal?.aborted) throw error;
    if (error instanceof TypeError) throw new Refusal(UNREACHABLE, "the server cannot be reached");
    throw error;
  }
  if (!answer.ok) throw new Refusal(answer.status, await wordsOf(answer));
  return answer;
}

async function wordsOf(answer: Response): Promise<string> {
  const text = await answer.text();
  if (/\bjson\b/.test(answer.headers.get("Content-Type") ?? "")) {
    const { detail } = JSON.parse(text) as { detail?: unknown };
    if (typeof detail === "string") return detail;
  }
  return `${answer.status} ${answer.statusText}`.trim(); // a proxy's page, say
}

export function roomPath(room: string, ...rest: string[]): string {
  return ["rooms", segment(room), ...rest].join("/");
}

/** A name as one segment of a path. Raises Refusal for the two that no browser sends: it takes them for directions. */
export function segment(name: string): string {
  if (name === "." || name === "..") throw new Refusal(400, `a browser cannot ask about “${name}”: use the motet command`);
  return encodeURIComponent(name);
}

/** What to tell a person about an error; what nobody designed is raised again. */
export function inWords(error: unknown): string {
  if (error instanceof Refusal) return error.message;
  throw error;
}
