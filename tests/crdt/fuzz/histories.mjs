// node histories.mjs FIRST COUNT OUT: for each seed, documents edit at random and sync at random, in real Yjs.
// Writes, per seed, every update with its author, and what the checker needs to judge a replica of them.
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import * as Y from 'yjs'

const hex = bytes => Buffer.from(bytes).toString('hex')

const WORDS = ['a', 'b', 'hello', '\u{1F600}', 'é', '日本', 'x\u{1F680}y', 'word ']

// mulberry32, so that a seed is a history
const random = seed => {
  let s = (seed * 2654435761) % 4294967296
  return () => {
    s = ((s | 0) + 0x6d2b79f5) | 0
    let t = Math.imul(s ^ (s >>> 15), 1 | s)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

class Author {
  constructor (rnd) {
    this.rnd = rnd
  }

  below (n) {
    return Math.floor(this.rnd() * n)
  }

  pick (list) {
    return list[this.below(list.length)]
  }

  value () {
    return this.pick([
      1, 2.5, 's', null, true, { a: [1, { b: 2 }] }, [1, 2, 3], 123456789012345, -7, '\u{1F600}z', new Uint8Array([1, 2]),
    ])
  }

  text (text) {
    const at = this.below(text.length + 1)
    const kind = this.below(9)
    if (kind < 3) text.insert(at, this.pick(WORDS))
    else if (kind < 5) [...'typing run'.slice(0, 1 + this.below(9))].forEach((c, i) => text.insert(at + i, c))
    else if (kind === 5) text.insertEmbed(at, { img: 'x' + this.below(9) })
    else if (text.length) {
      const first = this.below(text.length)
      const length = Math.min(text.length - first, 1 + this.below(6))
      if (kind === 6) text.format(first, length, { bold: this.pick([true, null, { x: 1 }]) })
      else text.delete(first, length)
    }
  }

  map (map) {
    const key = 'k' + this.below(4)
    const held = map.get(key)
    if (this.rnd() < 0.4 && held instanceof Y.Map) {
      held.set('q' + this.below(3), this.rnd() < 0.3 ? new Y.Map([['z', this.value()]]) : this.value())
    } else if (this.rnd() < 0.4 && held instanceof Y.Array) held.insert(this.below(held.length + 1), [this.value(), this.value()])
    else if (this.rnd() < 0.4 && held instanceof Y.Text) held.insert(this.below(held.length + 1), this.pick(WORDS))
    else if (this.rnd() < 0.25) map.delete(key)
    else if (this.rnd() < 0.35) map.set(key, this.pick([() => new Y.Map(), () => new Y.Array(), () => new Y.Text('nested')])())
    else if (this.rnd() < 0.1) map.set('sub', new Y.Doc())
    else map.set(key, this.value())
  }

  array (array) {
    if (this.rnd() < 0.6) array.insert(this.below(array.length + 1), Array.from({ length: 1 + this.below(4) }, () => this.value()))
    else if (array.length) {
      const first = this.below(array.length)
      array.delete(first, Math.min(array.length - first, 1 + this.below(3)))
    }
  }

  xml (fragment) {
    if (!fragment.length || this.rnd() < 0.5) {
      const node = this.rnd() < 0.5 ? new Y.XmlElement('p') : new Y.XmlText('xt')
      fragment.insert(this.below(fragment.length + 1), [node])
      if (node instanceof Y.XmlElement && this.rnd() < 0.5) node.setAttribute('c', 'v' + this.below(5))
      return
    }
    const at = this.below(fragment.length)
    const node = fragment.get(at)
    if (this.rnd() < 0.2) fragment.delete(at, 1)
    else if (!(node instanceof Y.XmlElement)) node.insert(0, this.pick(WORDS))
    else if (this.rnd() < 0.5) node.setAttribute('c', 'w' + this.below(5))
    else node.insert(0, [new Y.XmlText('in')])
  }

  edit (doc) {
    const kind = this.below(10)
    if (kind < 4) this.text(doc.getText('t'))
    else if (kind < 6) this.map(doc.getMap('m'))
    else if (kind < 7) this.array(doc.getArray('a'))
    else if (kind < 9) this.xml(doc.getXmlFragment('x'))
    else {
      doc.transact(() => {
        this.text(doc.getText('t'))
        this.map(doc.getMap('m'))
        this.array(doc.getArray('a'))
      })
    }
  }

  document (updates, author) {
    const doc = new Y.Doc({ gc: this.rnd() < 0.7 })
    doc.clientID = this.rnd() < 0.2 ? author + 1 : this.below(2 ** 32)
    doc.on('update', (update, origin) => origin !== 'remote' && updates.push([author, hex(update)]))
    return doc
  }
}

const sync = (from, to) => Y.applyUpdate(to, Y.encodeStateAsUpdate(from, Y.encodeStateVector(to)), 'remote')

const history = seed => {
  const author = new Author(random(seed))
  const updates = []
  const docs = Array.from({ length: 3 + author.below(3) }, (_, i) => author.document(updates, i))
  const undo = new Y.UndoManager([docs[0].getText('t'), docs[0].getMap('m')], { captureTimeout: 0 })
  // somebody who is offline from half-way on, and comes back after all others are done
  const late = []
  const offline = author.document(late, docs.length)
  const steps = 20 + author.below(60)
  for (let i = 0; i < steps; i++) {
    const doc = author.pick(docs)
    author.edit(doc)
    if (author.rnd() < 0.1) undo.undo()
    if (author.rnd() < 0.03) undo.redo()
    if (author.rnd() < 0.35) {
      const other = author.pick(docs)
      if (other !== doc) sync(doc, other)
    }
    if (i === steps >> 1) sync(doc, offline)
  }
  const offlineUndo = new Y.UndoManager([offline.getText('t'), offline.getMap('m')], { captureTimeout: 0 })
  for (let i = 0; i < 12; i++) {
    author.edit(offline)
    if (author.rnd() < 0.3) offlineUndo.undo()
  }
  const lagging = new Y.Doc()
  for (const [, update] of updates.slice(0, author.below(updates.length))) Y.applyUpdate(lagging, Buffer.from(update, 'hex'))
  const reference = new Y.Doc()
  for (const doc of [...docs, offline]) Y.applyUpdate(reference, Y.encodeStateAsUpdate(doc))
  const everybody = [...docs, offline]
  return {
    seed,
    updates,
    late: late.map(([, update]) => update),
    vectors: everybody.map(doc => hex(Y.encodeStateVector(doc))),
    fulls: everybody.map(doc => hex(Y.encodeStateAsUpdate(doc))),
    reference: hex(Y.encodeStateAsUpdate(reference)),
    hash: createHash('sha256').update(Y.encodeSnapshot(Y.snapshot(reference))).digest('hex'),
    lagging: hex(Y.encodeStateAsUpdate(lagging)),
    laggingVector: hex(Y.encodeStateVector(lagging)),
  }
}

const [first, count, out] = [+process.argv[2], +process.argv[3], process.argv[4]]
fs.writeFileSync(out, JSON.stringify(Array.from({ length: count }, (_, i) => history(first + i))))
