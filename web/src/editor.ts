/** The text: CodeMirror bound to `text`, with the others' carets. */
import { defaultKeymap } from "@codemirror/commands";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap, placeholder } from "@codemirror/view";
import { yCollab, yUndoManagerKeymap } from "y-codemirror.next";
import { carets } from "./carets";
import type { Session } from "./session";

export function createEditor(session: Session, parent: HTMLElement): EditorView {
  return new EditorView({
    parent,
    state: EditorState.create({
      doc: session.text.toString(),
      extensions: [
        EditorView.cspNonce.of(document.querySelector("script")?.nonce ?? ""),
        keymap.of([...yUndoManagerKeymap, ...defaultKeymap]),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": "Shared text", spellcheck: "false" }),
        placeholder("Write something. Everyone in the room sees it."),
        yCollab(session.text, null, { undoManager: session.undo }),
        carets(session),
      ],
    }),
  });
}
