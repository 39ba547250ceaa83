// The server that comes with y-websocket 2, with its defaults, and documents from files: HOST, PORT, DOCUMENTS (a
// directory of NAME.yjs). The documents are read synchronously, so that the first sync step 2 has them.
const { existsSync, readFileSync } = require('fs')
const { dirname, join } = require('path')
const Y = require('yjs')

const bin = join(dirname(require.resolve('y-websocket/package.json')), 'bin')
require(join(bin, 'utils.cjs')).setPersistence({
  provider: null,
  bindState: async (name, doc) => {
    const file = `${process.env.DOCUMENTS}/${name}.yjs`
    if (existsSync(file)) Y.applyUpdate(doc, readFileSync(file))
  },
  writeState: async () => {}
})
require(join(bin, 'server.cjs'))
