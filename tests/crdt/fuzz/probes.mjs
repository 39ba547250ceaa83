// node probes.mjs HISTORIES OUT: what real Yjs answers to a probe, in documents that histories.mjs wrote. For each seed:
// the document that has everything, asked as one is that should have it; and one that lags behind it, asked the same.
import fs from 'node:fs'
import * as Y from 'yjs'

const hex = bytes => Buffer.from(bytes).toString('hex')
const bytes = text => Buffer.from(text, 'hex')

const open = update => {
  const doc = new Y.Doc()
  Y.applyUpdate(doc, bytes(update))
  return doc
}

const deletes = doc => Object.fromEntries([...Y.snapshot(doc).ds.clients].map(([client, items]) =>
  [client, items.map(({ clock, len }) => [clock, clock + len])]))

const probes = ({ seed, reference, lagging }) => {
  const vector = Y.decodeStateVector(Y.encodeStateVector(open(reference)))
  const question = Y.encodeStateVector(new Map([...vector].map(([client, clock]) => [client, clock - 1]).filter(([, clock]) => clock)))
  return {
    seed,
    question: Object.fromEntries(Y.decodeStateVector(question)),
    answers: [reference, lagging].map(update => {
      const doc = open(update)
      return {
        answer: hex(Y.encodeStateAsUpdate(doc, question)),
        vector: Object.fromEntries(Y.decodeStateVector(Y.encodeStateVector(doc))),
        deletes: deletes(doc)
      }
    })
  }
}

const [histories, out] = process.argv.slice(2)
fs.writeFileSync(out, JSON.stringify(JSON.parse(fs.readFileSync(histories)).map(probes)))
