// Drives the real clients: one JSON command per line on stdin, one JSON answer per line on stdout.
//
//   {"id": 1, "op": "create", "client": "a", "kind": "y-websocket-3", "url": "ws://…/ws", "room": "r"}
//   {"id": 1, "result": {"clientId": 123}}          or          {"id": 1, "error": "…"}
//
// A client is a Y.Doc with the text "text", the map "map", the arrays "array" and "comments", and one provider, used as an
// application uses it. Nothing of a provider is replaced but its WebSocket class, which counts. The process ends with its stdin.
import { createHash } from 'node:crypto'
import { createInterface } from 'node:readline'
import { WebSocket } from 'ws'
import * as Y from 'yjs'

const KINDS = [
  'y-websocket-1', 'y-websocket-2', 'y-websocket-3', 'hocuspocus-provider-2', 'hocuspocus-provider-3', 'hocuspocus-provider-4'
]
/** A provider that throws in a listener, or complains about a message, has met something that it does not understand. */
const complaints = []
const warnings = []
process.setMaxListeners(0) // every y-websocket provider listens for the exit of the process
process.on('uncaughtException', (error) => complaints.push(String(error.stack ?? error)))
process.on('unhandledRejection', (error) => complaints.push(`rejected: ${error?.stack ?? error}`))
console.error = (...words) => complaints.push(words.map(String).join(' '))
console.warn = (...words) => warnings.push(words.map(String).join(' '))

/** A WebSocket class that notes every attempt of one client, and how each ended. */
function countingSocket (journal) {
  return class extends WebSocket {
    constructor (url, protocols) {
      super(url, protocols)
      journal.attempts.push(Date.now())
      journal.sockets.add(this)
      this.on('close', (code, reason) => {
        journal.sockets.delete(this)
        journal.closes.push({ code, reason: reason.toString() })
      })
      this.on('unexpected-response', (_request, response) => {
        journal.refusals.push(response.statusCode)
        response.resume()
        this.terminate()
      })
      this.on('error', (error) => journal.errors.push(error.message))
    }
  }
}

class Client {
  constructor ({ gc = true }) {
    this.doc = new Y.Doc({ gc })
    this.journal = { attempts: [], closes: [], refusals: [], errors: [], sockets: new Set() }
    this.statuses = []
    this.text = this.doc.getText('text')
    this.map = this.doc.getMap('map')
    this.array = this.doc.getArray('array')
    this.comments = this.doc.getArray('comments')
    this.undoManager = new Y.UndoManager(this.text)
  }

  get awareness () { return this.provider.awareness }

  report () {
    const { attempts, closes, refusals, errors } = this.journal
    return {
      clientId: this.doc.clientID,
      attempts,
      closes,
      refusals,
      errors,
      statuses: this.statuses,
      synced: this.provider.synced,
      awareness: [...this.awareness.getStates()],
      ...this.details()
    }
  }

  content () {
    return {
      text: this.text.toString(),
      map: this.map.toJSON(),
      array: this.array.toJSON(),
      comments: this.comments.toJSON(),
      stateVector: [...Y.decodeStateVector(Y.encodeStateVector(this.doc))].sort((a, b) => a[0] - b[0]),
      waiting: this.doc.store.pendingStructs !== null || this.doc.store.pendingDs !== null
    }
  }

  /** Cuts the connection as a network does: no close frame, no null state. The provider comes back by itself. */
  cut () {
    for (const socket of this.journal.sockets) socket.terminate()
  }
}

class YWebsocketClient extends Client {
  constructor (module, options) {
    super(options)
    this.provider = new module.WebsocketProvider(options.url, options.room, this.doc, {
      WebSocketPolyfill: countingSocket(this.journal),
      // In one process providers find each other by BroadcastChannel, behind the server's back.
      disableBc: true,
      params: options.params ?? {},
      protocols: options.protocols ?? [] // known from 2 on
    })
    this.provider.on('status', ({ status }) => this.statuses.push(status))
  }

  details () { return { connected: this.provider.wsconnected, connecting: this.provider.shouldConnect } }
  connect () { this.provider.connect() }
  disconnect () { this.provider.disconnect() }
  destroy () { this.provider.destroy() }
}

class HocuspocusClient extends Client {
  constructor (module, options, shared) {
    super(options)
    this.module = module
    this.shared = shared
    this.denied = []
    this.scopes = []
    this.stateless = []
    this.closed = []
    this.unsynced = []
    this.token = options.token ?? null
    this.tokensAsked = 0
    this.socket = shared?.socket ?? new module.HocuspocusProviderWebsocket({
      url: options.url + (options.query ?? ''),
      WebSocketPolyfill: countingSocket(this.journal)
    })
    if (shared) this.journal = shared.journal
    this.socket.on('status', ({ status }) => this.statuses.push(status))
    this.provider = new module.HocuspocusProvider({
      websocketProvider: this.socket,
      name: options.room,
      document: this.doc,
      token: options.tokenFunction ? () => this.answerToken() : this.token,
      broadcast: false, // known to 2.15 only; see disableBc
      sessionAwareness: options.sessionAwareness ?? false, // known from 4 on
      onAuthenticationFailed: ({ reason }) => this.denied.push(reason),
      onStateless: ({ payload }) => this.stateless.push(payload),
      onClose: ({ event }) => this.closed.push({ code: event?.code, reason: event?.reason })
    })
    this.provider.on('authenticated', (event) => this.scopes.push(event?.scope ?? this.provider.authorizedScope))
    this.provider.on('unsyncedChanges', (event) => this.onUnsyncedChanges(event?.number ?? event))
    this.provider.attach?.() // 2.15 attaches in its constructor
  }

  /** An application's token function: it asks its own server, which takes a moment. */
  async answerToken () {
    this.tokensAsked++
    await new Promise((resolve) => setTimeout(resolve, 20))
    return this.token
  }

  onUnsyncedChanges (number) {
    if (this.unsynced.length < 1000) this.unsynced.push(number)
    if (number === 0 && this.victim !== undefined) {
      process.kill(this.victim, 'SIGKILL')
      this.victim = undefined
      this.destroy()
    }
  }

  details () {
    return {
      connected: this.socket.status === 'connected',
      connecting: this.socket.shouldConnect,
      unsyncedChanges: this.provider.unsyncedChanges,
      unsynced: this.unsynced,
      denied: this.denied,
      scopes: this.scopes,
      stateless: this.stateless,
      closed: this.closed,
      tokensAsked: this.tokensAsked
    }
  }

  connect () { this.socket.connect() }
  disconnect () { this.socket.disconnect() }

  /** 2.15 leaves its socket when it is denied; its word for coming back is connect. */
  attach () { (this.provider.attach ?? this.provider.connect).call(this.provider) }

  destroy () {
    this.provider.destroy()
    if (!this.shared) this.socket.destroy()
  }
}

const clients = new Map()
const modules = new Map()

async function create ({ client, kind, ...options }) {
  if (!KINDS.includes(kind)) throw new Error(`no such kind of client: ${kind}`)
  if (!modules.has(kind)) modules.set(kind, await import(kind))
  const module = modules.get(kind)
  const made = kind.startsWith('y-websocket')
    ? new YWebsocketClient(module, options)
    : new HocuspocusClient(module, options, clients.get(options.socketOf))
  clients.set(client, made)
  return { clientId: made.doc.clientID }
}

const EDITS = {
  insert: (client, [at, text]) => client.text.insert(at, text),
  append: (client, text) => client.text.insert(client.text.length, text),
  delete: (client, [at, length]) => client.text.delete(at, length),
  set: (client, [key, value]) => client.map.set(key, value),
  unset: (client, key) => client.map.delete(key),
  push: (client, values) => client.array.push(values),
  comment: (client, values) => client.comments.push(values),
  cut: (client) => client.cut() // what follows is typed before the provider can be back
}

const OPERATIONS = {
  edit (client, { edits }) {
    for (const [name, argument] of edits) EDITS[name](client, argument)
  },
  awareness (client, { state }) { client.awareness.setLocalState(state) },
  setToken (client, { token }) { client.token = token },
  connect (client) { client.connect() },
  attach (client) { client.attach() },
  disconnect (client) { client.disconnect() },
  cut (client) { client.cut() },
  destroy (client) { client.destroy() },
  undo (client) { client.undoManager.undo() },
  report (client) { return client.report() },
  content (client) { return client.content() },
  /** The exact state hash: SHA-256 of Yjs's encoded snapshot. */
  hash (client) { return createHash('sha256').update(Y.encodeSnapshot(Y.snapshot(client.doc))).digest('hex') },
  /** Edits, and kills the process `pid` in the very callback in which the provider says that all is saved. */
  killWhenSaved (client, { edits, pid }) {
    client.victim = pid
    OPERATIONS.edit(client, { edits })
  }
}

async function answer ({ op, ...command }) {
  if (op === 'create') return create(command)
  if (op === 'complaints') return { complaints, warnings }
  if (!Object.hasOwn(OPERATIONS, op)) throw new Error(`no such operation: ${op}`)
  const client = clients.get(command.client)
  if (client === undefined) throw new Error(`no such client: ${command.client}`)
  return OPERATIONS[op](client, command) ?? null
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, ...command } = JSON.parse(line)
  try {
    process.stdout.write(JSON.stringify({ id, result: await answer(command) }) + '\n')
  } catch (error) {
    process.stdout.write(JSON.stringify({ id, error: String(error.stack ?? error) }) + '\n')
  }
}
process.exit(0)
