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
  const { lagging } = history
  // Yjs cleans formats up locally, as updates arrive: the way decides which. So a document is compared in full with one
  // that came the same way (`like`) in Yjs alone, and, without formats, with the reference.
  const compare = (what, doc, like) => {
    if (unformatted(doc) !== unformatted(reference)) say(`${what}: content`)
    if (like && content(doc) !== content(like)) say(`${what}: formats`)
    if (doc.store.pendingStructs || doc.store.pendingDs) say(`${what}: pending`)
    const have = clocks(doc)
    if ([...clocks(reference)].some(([client, clock]) => have.get(client) !== clock)) say(`${what}: clocks`)
  }
  const same = (what, updates, { gc = true, like } = {}) => {
    try {
      compare(what, document(updates, gc), like && document(like, gc))
    } catch (error) {
      say(`${what}: ${error.message}`)
    }
  }
  const whole = { like: [history.reference] }
  same('encoded', [replica.encoded], whole)
  same('compacted', [replica.compacted], whole)
  history.fulls.forEach((full, i) => {
    const like = [full, history.reference]
    same('a peer and its diff', [full, replica.diffs[i]], { like })
    same('an old peer and the compacted', [full, replica.compacted], { like })
    same('an old peer without gc and the compacted', [full, replica.compacted], { like, gc: false })
  })
  same('a lagging peer and its diff', [lagging, replica.lagging], { like: [lagging, history.reference] })
  if (replica.midway) same('a lagging peer, midway, and its diff', [lagging, replica.midway, replica.lagging])
  for (const cut of replica.cuts) same('any cut', [lagging, history.reference, cut], { like: [lagging, history.reference] })
  same('listener to the news', replica.news)
  same('listener to the authors', replica.authors.flat())
  same('listener to the authors, last first', replica.authors.map(parts => [...parts].reverse()).flat())
  const reader = document([lagging])
  for (const chunk of replica.chunks) {
    Y.applyUpdate(reader, bytes(chunk))
    if (reader.store.pendingStructs || reader.store.pendingDs) say('chunks: pending')
  }
  compare('chunks', reader)
  if (replica.hash !== history.hash) say('hash after full syncs')
  const vector = Y.decodeStateVector(bytes(replica.vector))
  if (vector.size !== clocks(reference).size || [...clocks(reference)].some(([c, k]) => vector.get(c) !== k)) say('vector')
}

const [histories, replicas] = [read(process.argv[2]), read(process.argv[3])]
histories.forEach((history, i) => judge(history, replicas[i]))
console.log(JSON.stringify(wrong))
