// npm's hypercore 9: feeds in memory or in a directory, replicated over TCP on loopback, in both roles.
//
// Feeds have names that the test gives them. Events: "closed" when a replication is over, with null or the reason,
// and how many bytes it received; "sync" when a feed that downloads everything has all of it.
'use strict'
const net = require('node:net')
const rle = require('bitfield-rle')
const hypercore = require('hypercore')
const crypto = require('hypercore-crypto')
const ram = require('random-access-memory')
const { emit, serve } = require('./serve')

const feeds = new Map()
const bytes = (hex) => Buffer.from(hex, 'hex')
const hex = (buffer) => Buffer.from(buffer).toString('hex')
const feed = (name) => feeds.get(name)
// A method with a callback, as a promise.
const call = (object, method, ...given) => new Promise((resolve, reject) => {
  object[method](...given, (error, ...result) => error ? reject(error) : resolve(result[0]))
})

function replicate (name, socket, initiator, options) {
  const stream = feed(name).replicate(initiator, options)
  let reason = null
  stream.on('error', (error) => { reason = error.message })
  socket.on('error', () => {})
  stream.on('close', () => {
    socket.destroy()
    emit('closed', { reason, received: stream.bytesReceived })
  })
  socket.pipe(stream).pipe(socket)
  socket.on('close', () => stream.destroy())
}

const protocol = ({ plain, live, timeout }) => ({
  live: live !== false, timeout, ...(plain ? { noise: false, encrypted: false } : {})
})

const operations = {
  // Opens a feed: our own with a seed, a copy with a key, what a directory has with neither.
  open: async ({ name, seed, key, directory, sparse }) => {
    const pair = seed && crypto.keyPair(bytes(seed))
    const made = hypercore(directory || ram, pair ? pair.publicKey : key && bytes(key), {
      sparse: !!sparse, secretKey: pair ? pair.secretKey : undefined
    })
    feeds.set(name, made)
    made.on('error', () => {}) // 'ready' tells it, too
    made.on('sync', () => emit('sync', made.length))
    await call(made, 'ready')
    return operations.state({ name })
  },
  state: ({ name }) => ({
    key: hex(feed(name).key),
    discoveryKey: hex(feed(name).discoveryKey),
    length: feed(name).length,
    bytes: feed(name).byteLength,
    here: feed(name).downloaded(),
    writable: feed(name).writable
  }),
  append: ({ name, contents }) => call(feed(name), 'append', contents.map(bytes)),
  // Appends each batch as soon as the copies have all that was there before.
  appendLater: ({ name, batches }) => {
    const rest = batches.slice()
    const next = () => setTimeout(() => {
      if (!rest.length) return
      if (!feed(name).peers.length || feed(name).peers[0].remoteLength < feed(name).length) return next()
      feed(name).append(rest.shift().map(bytes), next)
    }, 5)
    next()
  },
  get: async ({ name, block }) => hex(await call(feed(name), 'get', block)),
  // All blocks of a list, in any order.
  gets: async ({ name, blocks }) => Promise.all(blocks.map(async (block) => hex(await call(feed(name), 'get', block)))),
  update: ({ name, length }) => call(feed(name), 'update', length).then(() => feed(name).length),
  // The block that has a byte, and the byte's place in it.
  seek: ({ name, byte }) => new Promise((resolve, reject) => {
    feed(name).seek(byte, (error, block, place) => error ? reject(error) : resolve([block, place]))
  }),
  clear: ({ name, block }) => call(feed(name), 'clear', block),
  audit: ({ name }) => call(feed(name), 'audit'),
  roots: async ({ name, length }) => (await call(feed(name), 'rootHashes', length - 1)).map(
    ({ index, size, hash }) => [index, size, hex(hash)]),
  signature: async ({ name, length }) => hex((await call(feed(name), 'signature', length - 1)).signature),
  proof: async ({ name, block, digest }) => {
    const proof = await call(feed(name), 'proof', block, { digest })
    return {
      nodes: proof.nodes.map(({ index, size, hash }) => [index, hex(hash), size]),
      signature: proof.signature ? hex(proof.signature) : ''
    }
  },
  digest: ({ name, block }) => feed(name).digest(block),
  put: async ({ name, block, content, nodes, signature }) => {
    const given = nodes.map(([index, hash, size]) => ({ index, hash: bytes(hash), size }))
    await call(feed(name), 'put', block, bytes(content), { nodes: given, signature: signature ? bytes(signature) : null })
  },
  close: async ({ name }) => {
    await call(feed(name), 'close')
    feeds.delete(name)
  },
  rle: ({ fields }) => fields.map((field) => hex(rle.encode(bytes(field)))),
  listen: ({ name, ...options }) => new Promise((resolve, reject) => {
    const server = net.createServer((socket) => replicate(name, socket, false, protocol(options)))
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve({ port: server.address().port }))
  }),
  dial: ({ name, port, ...options }) => new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.once('error', reject)
    socket.once('connect', () => {
      replicate(name, socket, true, protocol(options))
      resolve(null)
    })
  })
}

serve(operations)
