// node check.mjs HISTORIES REPLICAS: judges what replicas made of histories, in real Yjs. Prints {"what is wrong": [seed, …]}.
import fs from 'node:fs'
import * as Y from 'yjs'

const bytes = hex => Buffer.from(hex, 'hex')
const read = path => JSON.parse(fs.readFileSync(path))

const document = (updates, gc = true) => {
  const doc = new Y.Doc({ gc })
  doc.getText('t')
  doc.getMap('m')
  doc.getArray('a')
  doc.getXmlFragment('x')
  for (const update of updates) Y.applyUpdate(doc, bytes(update))
  return doc
}

// Yjs disagrees with itself about halves of surrogate pairs that an edit has split
const blurred = text => text.replace(/[\ud800-\udfff\ufffd]/g, '?')
const plain = (_, value) => {
  if (value instanceof Y.Doc) return 'doc:' + value.guid
  if (!value || value.constructor !== Object) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}
const parts = doc => [doc.getMap('m').toJSON(), doc.getArray('a').toJSON(), doc.getXmlFragment('x').toString()]
const content = doc => blurred(JSON.stringify([doc.getText('t').toDelta(), ...parts(doc)], plain))
const unformatted = doc => {
  const text = doc.getText('t').toDelta().map(({ insert }) => typeof insert === 'string' ? insert : JSON.stringify(insert))
  return blurred(JSON.stringify([text.join(''), ...parts(doc)], plain))
}
const clocks = doc => Y.decodeStateVector(Y.encodeStateVector(doc))

const wrong = {}

const judge = (history, replica) => {
  const say = what => (wrong[what] ??= []).push(history.seed)
  const reference = document([history.reference])
  const expected = content(reference)
  // Yjs cleans formats up locally, as updates arrive: the order decides which, and documents of its own differ in them
  const differs = (doc, inOrder) => inOrder ? content(doc) !== expected : unformatted(doc) !== unformatted(reference)
  const same = (what, updates, { gc = true, whole = true } = {}) => {
    let doc
    try {
      doc = document(updates, gc)
    } catch (error) {
      return say(`${what}: ${error.message}`)
    }
    if (differs(doc, whole)) say(`${what}: content`)
    if (doc.store.pendingStructs || doc.store.pendingDs) say(`${what}: pending`)
    const have = clocks(doc)
    if ([...clocks(reference)].some(([client, clock]) => have.get(client) !== clock)) say(`${what}: clocks`)
  }
  history.fulls.forEach((full, i) => same('a peer and its diff', [full, replica.diffs[i]]))
  history.fulls.forEach(full => same('an old peer and the compacted', [full, replica.compacted]))
  history.fulls.forEach(full => same('an old peer without gc and the compacted', [full, replica.compacted], { gc: false }))
  same('a lagging peer and its diff', [history.lagging, replica.lagging], { whole: false })
  if (replica.midway) same('a lagging peer, midway, and its diff', [history.lagging, replica.midway, replica.lagging], { whole: false })
  for (const cut of replica.cuts) same('any cut', [history.lagging, history.reference, cut], { whole: false })
  same('encoded', [replica.encoded])
  same('compacted', [replica.compacted])
  same('listener to the news', replica.news, { whole: false })
  same('listener to the authors', replica.authors.flat(), { whole: false })
  same('listener to the authors, last first', replica.authors.map(parts => [...parts].reverse()).flat(), { whole: false })
  const reader = document([history.lagging])
  for (const chunk of replica.chunks) {
    Y.applyUpdate(reader, bytes(chunk))
    if (reader.store.pendingStructs || reader.store.pendingDs) say('chunks: pending')
  }
  if (differs(reader, false)) say('chunks: content')
  if (replica.hash !== history.hash) say('hash after full syncs')
  const vector = Y.decodeStateVector(bytes(replica.vector))
  if (vector.size !== clocks(reference).size || [...clocks(reference)].some(([c, k]) => vector.get(c) !== k)) say('vector')
}

const [histories, replicas] = [read(process.argv[2]), read(process.argv[3])]
histories.forEach((history, i) => judge(history, replicas[i]))
console.log(JSON.stringify(wrong))
