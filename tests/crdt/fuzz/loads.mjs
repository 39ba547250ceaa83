// node loads.mjs FILE: applies each update (hex, a JSON list) to an empty document; prints those that Yjs cannot take.
import fs from 'node:fs'
import * as Y from 'yjs'

const failed = []
for (const hex of JSON.parse(fs.readFileSync(process.argv[2]))) {
  try {
    const doc = new Y.Doc()
    Y.applyUpdate(doc, Buffer.from(hex, 'hex'))
    for (const root of ['t', 'a', 'm', 'one', 'two']) doc.get(root).toJSON()
    if (doc.store.pendingStructs || doc.store.pendingDs) throw new Error('pending')
    Y.encodeStateAsUpdate(doc)
  } catch (error) {
    failed.push([hex, String(error)])
  }
}
console.log(JSON.stringify(failed))
