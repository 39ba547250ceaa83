// Rooms as a simulated server's disk has them, read by Yjs: [[update, …], …] in base64 from stdin, their content and
// state hashes to stdout.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import * as Y from "yjs";

const rooms = JSON.parse(readFileSync(0, "utf8")).map((updates) => {
  const doc = new Y.Doc();
  for (const update of updates) Y.applyUpdate(doc, Buffer.from(update, "base64"));
  const waiting = doc.store.pendingStructs !== null || doc.store.pendingDs !== null;
  const hash = createHash("sha256").update(Y.encodeSnapshot(Y.snapshot(doc))).digest("hex");
  const content = {
    content: doc.getText("content").toDelta(),
    board: doc.getMap("board").toJSON(),
    list: doc.getArray("list").toJSON(),
    page: doc.getXmlFragment("page").toString(),
    comments: doc.getArray("comments").toJSON(),
  };
  return { waiting, hash, content };
});
process.stdout.write(JSON.stringify(rooms));
