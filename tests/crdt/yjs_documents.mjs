// Documents made by Yjs 13.6.33, with its own state hash: `node yjs_documents.mjs > yjs_documents.json` where yjs is installed.
import { createHash } from "node:crypto";
import * as Y from "yjs";

const documents = {};

function keep(name, doc) {
  const hash = createHash("sha256").update(Y.encodeSnapshot(Y.snapshot(doc))).digest("hex");
  documents[name] = { update: Buffer.from(Y.encodeStateAsUpdate(doc)).toString("hex"), hash };
}

function make(name, fill, gc = true) {
  const doc = new Y.Doc({ gc });
  doc.clientID = 77;
  fill(doc);
  keep(name, doc);
}

make("text", (doc) => doc.getText("t").insert(0, "naïve 😀 日本"));
make("text whose first letters are deleted", (doc) => {
  const text = doc.getText("t");
  text.insert(0, "a");
  text.insert(1, "b");
  text.delete(0, 1);
});
make("emptied text", (doc) => {
  doc.getText("t").insert(0, "ab");
  doc.getText("t").delete(0, 2);
});
make("emptied text, not collected", (doc) => {
  doc.getText("t").insert(0, "ab");
  doc.getText("t").delete(0, 2);
}, false);
make("rich text", (doc) => {
  const text = doc.getText("t");
  text.insert(0, "abc 😀 def");
  text.format(1, 5, { bold: true });
  text.insertEmbed(3, { image: "x.png" }, { width: 1 });
  text.setAttribute("lang", "en");
});
make("text that begins with a type", (doc) => {
  const text = doc.getText("t");
  text.insertEmbed(0, new Y.Map([["k", 1]]));
  text.insert(1, "after");
});
make("embeds only", (doc) => doc.getText("t").insertEmbed(0, { image: "x.png" }));
make("map", (doc) => {
  const map = doc.getMap("m");
  map.set("old", 0);
  map.set("old", 1);
  map.set("gone", 1);
  map.delete("gone");
  map.set("nested", new Y.Map([["text", new Y.Text("hi 😀")], ["array", Y.Array.from([1, [2, { x: null }]])]]));
});
make("emptied map", (doc) => {
  doc.getMap("m").set("k", new Y.Map([["z", 1]]));
  doc.getMap("m").delete("k");
});
make("values", (doc) => {
  const map = doc.getMap("m");
  const values = { undef: undefined, nil: null, yes: true, one: 1, half: 0.5, nan: NaN, inf: -Infinity, minus: -0,
    big: 2n ** 62n, small: 5n, bytes: new Uint8Array([0, 255]), list: [undefined, NaN, new Uint8Array([1])], sub: new Y.Doc({ guid: "the-guid" }) };
  for (const [key, value] of Object.entries(values)) map.set(key, value);
});
make("array", (doc) => {
  doc.getArray("a").push([1, "two", null, new Uint8Array([9]), new Y.Text("text"), new Y.Map([["k", new Y.Array()]]),
    new Y.XmlElement("p"), new Y.XmlText("xml"), new Y.Doc({ guid: "the-guid" }), { p: 1 }, [1]]);
});
make("array of maps", (doc) => doc.getArray("a").push([new Y.Map([["k", 1]]), new Y.Map()]));
make("xml", (doc) => {
  const heading = new Y.XmlElement("heading");
  heading.setAttribute("level", 1);
  heading.setAttribute("data", { a: [1] });
  const text = new Y.XmlText();
  text.insert(0, "Hé 😀 <b>&");
  text.format(0, 2, { strong: { title: 'x"y' }, em: true });
  heading.insert(0, [text]);
  doc.getXmlFragment("prosemirror").insert(0, [heading, new Y.XmlText("loose")]);
});
make("lexical", (doc) => {
  const root = doc.get("root", Y.XmlText);
  root.setAttribute("__dir", "ltr");
  const paragraph = new Y.XmlText();
  root.insertEmbed(0, paragraph);
  paragraph.setAttribute("__type", "paragraph");
  paragraph.insertEmbed(0, new Y.Map([["__type", "text"]]));
  paragraph.insert(1, "Hello");
});
make("xml element as a root", (doc) => {
  const element = doc.get("e", Y.XmlElement);
  element.setAttribute("a", "b");
  element.insert(0, [new Y.XmlText("inside")]);
});
make("xml hook", (doc) => doc.getXmlFragment("x").insert(0, [new Y.XmlHook("hook")]));
make("empty", (doc) => doc.getText("t"));
make("every kind", (doc) => {
  doc.getText("text").insert(0, "x");
  doc.getMap("map").set("k", 1);
  doc.getArray("array").push([1]);
  doc.getXmlFragment("xml").insert(0, [new Y.XmlElement("p")]);
});

function concurrent() {
  const peers = [300, 4_000_000_000, 5].map((id) => {
    const doc = new Y.Doc();
    doc.clientID = id;
    return doc;
  });
  for (let round = 0; round < 6; round++) {
    peers.forEach((doc, n) => {
      const text = doc.getText("t");
      text.insert(Math.floor(text.length / (n + 1)), `<${round}${n}>`);
      if (round > 1) text.delete(n, 2);
      doc.getMap("m").set(`k${round % 2}`, new Y.Map([["by", n]]));
    });
    for (const from of peers) for (const to of peers) Y.applyUpdate(to, Y.encodeStateAsUpdate(from, Y.encodeStateVector(to)));
  }
  for (const from of peers) for (const to of peers) Y.applyUpdate(to, Y.encodeStateAsUpdate(from));
  keep("three peers", peers[0]);
}
concurrent();
console.log(JSON.stringify(documents, null, 1));
