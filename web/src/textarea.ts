/** A textarea that several people type in. */
import { simpleDiffStringWithCursor } from "lib0/diff";
import type * as Y from "yjs";
import { MINE, type Session } from "./session";

/** Keeps `area` and `text` equal in both directions, with the own selection where it was. Returns what unbinds it. */
export function bindTextarea(area: HTMLTextAreaElement, text: Y.Text, session: Session): () => void {
  area.value = text.toString();
  const onInput = () => {
    const change = simpleDiffStringWithCursor(text.toString(), area.value, area.selectionEnd);
    session.edit(() => {
      text.delete(change.index, change.remove);
      text.insert(change.index, change.insert);
    });
  };
  const onText = (event: Y.YTextEvent, transaction: Y.Transaction) => {
    if (transaction.origin === MINE) return;
    const { selectionStart, selectionEnd } = area;
    area.value = text.toString();
    if (document.activeElement === area) {
      area.setSelectionRange(shifted(selectionStart, event.delta), shifted(selectionEnd, event.delta));
    }
  };
  area.addEventListener("input", onInput);
  text.observe(onText);
  return () => {
    area.removeEventListener("input", onInput);
    text.unobserve(onText);
  };
}

/** Where the offset `index` (UTF-16) is after a change. */
function shifted(index: number, delta: Y.YTextEvent["delta"]): number {
  let at = 0;
  let result = index;
  for (const { retain = 0, insert, delete: removed = 0 } of delta) {
    if (at > result) break;
    if (typeof insert === "string") {
      if (at < result) result += insert.length;
      at += insert.length;
    }
    result -= Math.max(0, Math.min(removed, result - at));
    at += retain;
  }
  return result;
}
