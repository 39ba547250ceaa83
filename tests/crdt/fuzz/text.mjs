// node text.mjs UPDATE: the text of a document, in real Yjs; fails if something in it waits for what is not there.
import fs from 'node:fs'
import * as Y from 'yjs'

const doc = new Y.Doc()
Y.applyUpdate(doc, fs.readFileSync(process.argv[2]))
if (doc.store.pendingStructs || doc.store.pendingDs) throw new Error('something waits')
process.stdout.write(doc.getText('t').toString())
