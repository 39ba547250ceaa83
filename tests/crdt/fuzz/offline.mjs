// node offline.mjs make|check DIR: stories of clients that were away while a document was compacted.
import fs from 'node:fs'
import * as Y from 'yjs'

const hex = bytes => Buffer.from(bytes).toString('hex')

const document = (clientID, gc = true) => {
  const doc = new Y.Doc({ gc })
  doc.clientID = clientID
  return doc
}
const show = doc => JSON.stringify([doc.getText('t').toDelta(), doc.getMap('m').toJSON(), doc.getArray('a').toJSON()])

// `online` and `away` share `start`; `online` goes on, then all is compacted, then `away` comes back, then `finish`
const tell = (name, { gc, start, online, away, finish = () => {} }) => {
  const a = document(1, gc)
  const b = document(2, gc)
  const before = []
  const after = []
  start(a)
  before.push(hex(Y.encodeStateAsUpdate(a)))
  Y.applyUpdate(b, Y.encodeStateAsUpdate(a), 'sync')
  const undo = new Y.UndoManager([a.getText('t'), a.getMap('m'), a.getArray('a')], { captureTimeout: 0 })
  const record = list => (update, origin) => origin !== 'sync' && list.push(hex(update))
  const first = record(before)
  a.on('update', first)
  online(a)
  a.off('update', first)
  b.on('update', record(after))
  away(b)
  Y.applyUpdate(a, Y.encodeStateAsUpdate(b), 'sync')
  a.on('update', record(after))
  finish(a, undo)
  return { name, before, after, expected: show(a), peers: [a, b].map(doc => hex(Y.encodeStateAsUpdate(doc))) }
}

const hello = doc => doc.getText('t').insert(0, 'hello beautiful world')
const stories = [true, false].flatMap(gc => [
  tell(`late insert into deleted text, gc ${gc}`, {
    gc,
    start: hello,
    online: doc => doc.getText('t').delete(3, 15),
    away: doc => { doc.getText('t').insert(8, 'REALLY '); doc.getText('t').insert(18, '!') },
  }),
  tell(`late insert where everything was deleted, gc ${gc}`, {
    gc,
    start: hello,
    online: doc => { doc.getText('t').delete(0, 21); doc.getText('t').insert(0, 'new') },
    away: doc => doc.getText('t').insert(10, 'kept'),
  }),
  tell(`late map set over values that were overwritten, gc ${gc}`, {
    gc,
    start: doc => doc.getMap('m').set('k', 0),
    online: doc => { for (let i = 1; i < 50; i++) doc.getMap('m').set('k', i) },
    away: doc => { doc.getMap('m').set('k', 'late'); doc.getMap('m').set('l', 'other') },
  }),
  tell(`undo after compaction, gc ${gc}`, {
    gc,
    start: hello,
    online: doc => { doc.getText('t').delete(3, 15); doc.getMap('m').set('k', 1); doc.getMap('m').set('k', 2) },
    away: doc => doc.getText('t').insert(21, '?'),
    finish: (doc, undo) => { undo.undo(); undo.undo(); undo.undo(); undo.redo() },
  }),
  tell(`undo of a deleted type after compaction, gc ${gc}`, {
    gc,
    start: doc => {
      const note = new Y.Map([['text', new Y.Text('a note')], ['x', 1]])
      doc.getArray('a').insert(0, [note, 'b'])
    },
    online: doc => doc.getArray('a').delete(0, 1),
    away: doc => { doc.getArray('a').get(0).set('x', 5); doc.getArray('a').push(['c']) },
    finish: (doc, undo) => undo.undo(),
  }),
])

const [verb, dir] = process.argv.slice(2)
if (verb === 'make') fs.writeFileSync(`${dir}/stories.json`, JSON.stringify(stories))
else {
  const wrong = []
  for (const { name, expected, peers, result, compacted } of JSON.parse(fs.readFileSync(`${dir}/played.json`))) {
    const sources = [[result], [compacted], ...peers.flatMap(peer => [[peer, compacted], [compacted, peer]])]
    for (const updates of sources) {
      for (const gc of [true, false]) {
        const doc = document(9, gc)
        for (const update of updates) Y.applyUpdate(doc, Buffer.from(update, 'hex'))
        if (show(doc) !== expected || doc.store.pendingStructs) wrong.push([name, show(doc), expected])
      }
    }
  }
  console.log(JSON.stringify(wrong))
}
