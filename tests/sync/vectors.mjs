// Prints vectors.json: every message as the clients' and servers' own encoders write it.
//
//   npm i hp2@npm:@hocuspocus/provider@2.15.3 hp3@npm:@hocuspocus/provider@3.4.4 hp4@npm:@hocuspocus/provider@4.8.0 \
//         yw1@npm:y-websocket@1.5.4 yw2@npm:y-websocket@2.1.0 yw3@npm:y-websocket@3.1.0 \
//         @hocuspocus/server@4.7.0 y-protocols@1.0.7 yjs@13.6.33 lib0
//   node vectors.mjs > vectors.json
//
// The yjs dialect is y-protocols' encoders in the envelope of y-websocket 3.1.0 (a varuint of the message type). The
// providers run whole, over a WebSocket that records what is sent, and through one scene: connect, answer sync step 1
// and an awareness query, edit, a stateless message, (4.8) a Ping, destroy.
import { OutgoingMessage } from '@hocuspocus/server'
import * as encoding from 'lib0/encoding'
import * as auth from 'y-protocols/auth'
import { Awareness, encodeAwarenessUpdate } from 'y-protocols/awareness'
import * as sync from 'y-protocols/sync'
import * as Y from 'yjs'

const NAME = 'café'
const hex = bytes => Buffer.from(bytes).toString('hex')
const pause = () => new Promise(resolve => setTimeout(resolve, 30))
const message = write => {
  const encoder = encoding.createEncoder()
  write(encoder)
  return hex(encoding.toUint8Array(encoder))
}
const newDoc = () => {
  const doc = new Y.Doc()
  doc.clientID = 7
  return doc
}

const doc = newDoc()
let update
doc.once('update', bytes => { update = bytes })
doc.getText('t').insert(0, 'hi')
const awareness = new Awareness(doc)
awareness.setLocalState({ user: { name: 'Zoë' } })
const state = encodeAwarenessUpdate(awareness, [7])

const yjs = {
  step1_empty: message(e => { encoding.writeVarUint(e, 0); sync.writeSyncStep1(e, new Y.Doc()) }),
  step1: message(e => { encoding.writeVarUint(e, 0); sync.writeSyncStep1(e, doc) }),
  step2: message(e => { encoding.writeVarUint(e, 0); sync.writeSyncStep2(e, doc) }),
  update: message(e => { encoding.writeVarUint(e, 0); sync.writeUpdate(e, update) }),
  awareness: message(e => { encoding.writeVarUint(e, 1); encoding.writeVarUint8Array(e, state) }),
  denied: message(e => { encoding.writeVarUint(e, 2); auth.writePermissionDenied(e, 'not yours') }),
  query_awareness: message(e => { encoding.writeVarUint(e, 3) })
}

const to = () => new OutgoingMessage(NAME)
const server = {
  step1: to().createSyncMessage().writeFirstSyncStepFor(doc),
  update: to().createSyncMessage().writeUpdate(update),
  awareness: to().createAwarenessUpdateMessage(awareness),
  query_awareness: to().writeQueryAwareness(),
  status_true: to().writeSyncStatus(true),
  status_false: to().writeSyncStatus(false),
  authenticated: to().writeAuthenticated(false),
  readonly: to().writeAuthenticated(true),
  denied: to().writePermissionDenied('permission-denied'),
  token_request: to().writeTokenSyncRequest(),
  stateless: to().writeStateless('hey'),
  broadcast_stateless: to().writeBroadcastStateless('hey'),
  close: to().writeCloseMessage('bye')
}
for (const key of Object.keys(server)) server[key] = hex(server[key].toUint8Array())

class RecordingSocket {
  static sent = []
  readyState = 1
  listeners = {}
  constructor () { setTimeout(() => this.emit('open', {}), 5) }
  addEventListener (name, listener) { (this.listeners[name] ??= []).push(listener) }
  removeEventListener () {}
  emit (name, event) { for (const listener of this.listeners[name] ?? []) listener(event) }
  send (bytes) { RecordingSocket.sent.push(hex(bytes)) }
  close () {}
}

async function scene (library, options, act) {
  RecordingSocket.sent = []
  const socket = new library.HocuspocusProviderWebsocket({ url: 'ws://x', WebSocketPolyfill: RecordingSocket })
  const own = newDoc()
  const provider = new library.HocuspocusProvider({ name: NAME, document: own, websocketProvider: socket, ...options })
  if (options.sessionAwareness) provider.sessionId = 's1'
  provider.attach?.()
  await pause()
  await act(provider, own, bytes => socket.webSocket.emit('message', { data: Uint8Array.from(bytes).buffer }))
  await pause()
  provider.destroy()
  clearInterval(socket.intervals.connectionChecker)
  return RecordingSocket.sent
}

const prefix = [5, ...Buffer.from(NAME)]
const providers = {}
for (const [version, alias] of [['2.15.3', 'hp2'], ['3.4.4', 'hp3'], ['4.8.0', 'hp4']]) {
  providers[version] = await scene(await import(alias), { token: 'tok' }, async (provider, own, receive) => {
    own.getText('t').insert(0, 'hi')
    provider.sendStateless('hey')
    provider.setAwarenessField('user', { name: 'Zoë' })
    receive([...prefix, 0, 0, 1, 0])
    receive([...prefix, 3])
    if (version === '4.8.0') receive([9])
  })
}
providers['2.15.3 without a token'] = await scene(await import('hp2'), { awareness: null }, async () => {})
providers['4.8.0 session-aware'] = await scene(
  await import('hp4'), { sessionAwareness: true, awareness: null }, async () => {})

// What each client sends when it is told that its own state, at clock 1, is null; and then when it is queried.
const gone = [1, 7, 1, 4, ...Buffer.from('null')]
const provoked = {}
for (const [version, alias] of [['2.15.3', 'hp2'], ['3.4.4', 'hp3'], ['4.8.0', 'hp4']]) {
  await scene(await import(alias), { token: 'tok' }, async (provider, _own, receive) => {
    provider.setAwarenessField('a', 1)
    RecordingSocket.sent = []
    receive([...prefix, 1, gone.length, ...gone])
    provoked[`Hocuspocus ${version}`] = [...RecordingSocket.sent]
    RecordingSocket.sent = []
    receive([...prefix, 3])
    provoked[`Hocuspocus ${version} when queried`] = [...RecordingSocket.sent]
  })
}
for (const [version, alias] of [['1.5.4', 'yw1'], ['2.1.0', 'yw2'], ['3.1.0', 'yw3']]) {
  const { WebsocketProvider } = await import(alias)
  class Socket extends RecordingSocket {
    OPEN = 1
    emit (name, event) { this[`on${name}`]?.(event) }
  }
  const provider = new WebsocketProvider('ws://x', 'r', newDoc(), { WebSocketPolyfill: Socket, disableBc: true })
  await pause()
  provider.awareness.setLocalStateField('a', 1)
  RecordingSocket.sent = []
  provider.ws.emit('message', { data: Uint8Array.from([1, gone.length, ...gone]).buffer })
  provoked[`y-websocket ${version}`] = [...RecordingSocket.sent]
  provider.destroy()
}

const payload = { update: hex(update), awareness: hex(state) }
console.log(JSON.stringify({ payload, yjs, server, providers, provoked }, null, 1))
process.exit(0)
