// Makes a document of about SIZE bytes, the same bytes at every run: node documents.mjs SIZE FILE
// Twenty people take turns in the paragraphs of a text (typing, deleting, formatting) and on a board of cards.
import { writeFileSync } from 'node:fs'
import * as Y from 'yjs'

const [size, file] = [Number(process.argv[2]), process.argv[3]]
const WORDS = 'the of and to in motet voice sings its own text while the others sing theirs émigré naïve 音楽 together'.split(' ')

let seed = 0x9e3779b9 // mulberry32
const random = below => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) % below
}

const doc = new Y.Doc()
doc.clientID = 1
const paragraphs = doc.getArray('paragraphs')
const cards = doc.getMap('cards')

const aParagraph = () => {
  if (paragraphs.length === 0 || random(60) === 0) paragraphs.insert(random(paragraphs.length + 1), [new Y.Text()])
  return paragraphs.get(random(paragraphs.length))
}

const typeAWhile = text => {
  let at = random(10) < 6 ? text.length : random(text.length + 1)
  for (let words = 1 + random(12); words > 0; words--) {
    for (const letter of `${WORDS[random(WORDS.length)]} `) {
      text.insert(at, letter)
      at += letter.length
    }
    if (random(8) === 0) {
      const wrong = Math.min(at, 1 + random(6))
      text.delete(at - wrong, wrong)
      at -= wrong
    }
  }
}

const formatSome = text => {
  const at = random(text.length)
  text.format(at, Math.min(text.length - at, 1 + random(30)), random(2) ? { bold: true } : { italic: true })
}

const moveACard = () => {
  const key = `card-${random(200)}`
  if (!cards.has(key)) cards.set(key, new Y.Map([['text', WORDS[random(WORDS.length)]]]))
  const card = cards.get(key)
  for (let steps = random(10); steps > 0; steps--) card.set('place', { x: random(1920), y: random(1080) })
}

while (Y.encodeStateAsUpdate(doc).length < size) {
  for (let turns = 0; turns < 1000; turns++) {
    doc.clientID = 1 + random(20)
    doc.transact(() => {
      const text = aParagraph()
      typeAWhile(text)
      if (random(6) === 0) formatSome(text)
      if (random(4) === 0) moveACard()
    })
  }
}
writeFileSync(file, Y.encodeStateAsUpdate(doc))
