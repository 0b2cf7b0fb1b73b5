// npm's secret-handshake and its box stream over TCP on loopback, in both roles.
//
// It serves an echo: what arrives is sent back, and the end of what arrives ends what is sent. Events:
// "accepted" with the public key of a client that was let in, "refused" with the reason of one that was not,
// "ended" when a client's stream is over, with null or the reason.
'use strict'
const net = require('node:net')
const sodium = require('chloride')
const pull = require('pull-stream')
const shs = require('secret-handshake')
const toPull = require('stream-to-pull-stream')
const { emit, serve } = require('./serve')

const TIMEOUT_MS = 5000
const bytes = (hex) => Buffer.from(hex, 'hex')
const keysOf = (seed) => sodium.crypto_sign_seed_keypair(bytes(seed))
const reason = (error) => (error && error !== true ? String(error.message || error) : null)

serve({
  // `allow` is the list of public keys that are let in; all are if it is not given.
  listen: ({ network, seed, allow }) => new Promise((resolve, reject) => {
    const authorise = (key, done) => done(null, !allow || allow.includes(key.toString('hex')))
    const create = shs.createServer(keysOf(seed), authorise, bytes(network), TIMEOUT_MS)
    const server = net.createServer((socket) => {
      const raw = toPull.duplex(socket)
      const secured = create((error, stream) => {
        if (error) return emit('refused', reason(error))
        emit('accepted', stream.remote.toString('hex'))
        const watch = pull.through(() => {}, (end) => emit('ended', reason(end)))
        pull(stream.source, watch, stream.sink)
      })
      pull(raw, secured, raw)
    })
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve({ port: server.address().port }))
  }),
  // Dials, sends each of the parts as one write, says goodbye, and returns all that comes back before the
  // other side says goodbye.
  // With `cut` it hangs up instead of saying goodbye.
  dial: ({ network, seed, port, server, parts, cut }) => new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.once('error', reject)
    socket.once('connect', () => {
      const raw = toPull.duplex(socket)
      const create = shs.createClient(keysOf(seed), bytes(network), TIMEOUT_MS)
      const secured = create(bytes(server), (error, stream) => {
        if (error) return reject(error)
        const sent = parts.map(bytes)
        const source = (end, done) => {
          if (end) done(end)
          else if (sent.length) done(null, sent.shift())
          else if (cut) socket.end()
          else done(true)
        }
        pull(source, stream.sink)
        pull(stream.source, pull.collect((error, got) => {
          if (error) reject(error)
          else resolve(got.map((part) => part.toString('hex')))
        }))
      })
      pull(raw, secured, raw)
    })
  })
})
