// node trace.mjs TRACE OUT: types a real editing history (josephg/editing-traces, sequential) into Yjs, an update a transaction.
import fs from 'node:fs'
import { gunzipSync } from 'node:zlib'
import * as Y from 'yjs'

const trace = JSON.parse(gunzipSync(fs.readFileSync(process.argv[2])))
const doc = new Y.Doc()
const text = doc.getText('t')
const updates = []
doc.on('update', update => updates.push(Buffer.from(update).toString('hex')))
text.insert(0, trace.startContent)
// Positions count characters, Yjs counts UTF-16 units: these traces have none outside the BMP.
for (const { patches } of trace.txns) {
  doc.transact(() => {
    for (const [at, deleted, inserted] of patches) {
      if (deleted) text.delete(at, deleted)
      if (inserted) text.insert(at, inserted)
    }
  })
}
if (text.toString() !== trace.endContent) throw new Error('the trace did not end as it says')
fs.writeFileSync(process.argv[3], JSON.stringify({ updates, text: trace.endContent }))
