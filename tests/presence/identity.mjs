// Reads [sent, stamped, identity] triples, and prints the indices of those where JavaScript reads in the stamped state
// anything else than the sent one with the identity in its user.
import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'

const isObject = value => typeof value === 'object' && value !== null && !Array.isArray(value)

const wrong = JSON.parse(readFileSync(0, 'utf8')).filter(([sent, stamped, identity]) => {
  const expected = JSON.parse(sent)
  const own = isObject(expected.user) && Object.hasOwn(expected, 'user') ? expected.user : {}
  expected.user = { ...own, ...identity }
  const read = JSON.parse(stamped)
  // A copy by Object.assign lets an own __proto__ set the prototype.
  const copy = Object.assign({}, Object.assign({}, read).user)
  const shown = Object.entries(identity).every(([name, value]) => copy[name] === value)
  return !shown || !isDeepStrictEqual(read, expected)
})
console.log(JSON.stringify(wrong))
