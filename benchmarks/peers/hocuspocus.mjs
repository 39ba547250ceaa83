// Hocuspocus with its defaults, and documents from files: PORT, DOCUMENTS (a directory of NAME.yjs).
import { existsSync, readFileSync } from 'node:fs'
import { Server } from '@hocuspocus/server'
import * as Y from 'yjs'

const server = new Server({
  quiet: true,
  address: '127.0.0.1',
  port: Number(process.env.PORT),
  async onLoadDocument ({ documentName, document }) {
    const file = `${process.env.DOCUMENTS}/${documentName}.yjs`
    if (existsSync(file)) Y.applyUpdate(document, readFileSync(file))
  }
})
server.listen()
