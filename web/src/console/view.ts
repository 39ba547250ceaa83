/** What a view is, and what it is given. */
import type { Api } from "./api";
import type { Status } from "./model";
import type { Stream } from "./stream";

export interface View {
  /** For the window's title. */
  readonly title: string;
  readonly element: HTMLElement;
  close(): void;
}

export interface Around {
  api: Api;
  stream: Stream;
  /** The header shows what the server says of itself, whichever view heard it. */
  onStatus: (status: Status) => void;
}

/** Where the focus goes when what had it is gone: what is looked at stays in sight. */
export function focusTitle(): void {
  document.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
}
