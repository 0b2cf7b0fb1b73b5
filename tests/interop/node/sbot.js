// A Scuttlebutt peer: secret-stack 6, ssb-db 20, ssb-blobs 2, on loopback.
//
// Events: "connected" with the id of a peer with which the handshake went well.
'use strict'
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const pull = require('pull-stream')
const ssbKeys = require('ssb-keys')
const { emit, serve } = require('./serve')

let sbot
// The key of the main network, which every Scuttlebutt program has built in.
const MAIN_NETWORK = '1KHLiKZvAvjbY1ziZEHMXawbCEIM6qwjCDm3VYRan/s='
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sbot-'))
process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }))

// What comes over the wire as an error is a plain object.
const failure = (error) => error instanceof Error ? error : new Error(error.message || JSON.stringify(error))
const promised = (call) => new Promise((resolve, reject) => {
  call((error, result) => error && error !== true ? reject(failure(error)) : resolve(result))
})
const collect = (source) => promised((done) => pull(source, pull.collect(done)))
const keysOf = (seed) => ssbKeys.generate('ed25519', Buffer.from(seed, 'hex'))
const addressOf = (port, key) => `net:127.0.0.1:${port}~shs:${key}`
const connect = (port, key) => promised((done) => sbot.connect(addressOf(port, key), done))

// Calls one method of a peer and returns what came, or the words of its error.
const ask = (rpc, name, args) => {
  const method = name.split('.').reduce((place, part) => place[part], rpc)
  return promised((done) => method(...args, done))
}

serve({
  start: ({ seed, port, shs }) => {
    sbot = require('secret-stack')({ caps: { shs: shs || MAIN_NETWORK } })
      .use(require('ssb-db')).use(require('ssb-blobs'))({
        path: folder,
        keys: keysOf(seed),
        timeout: 60000,
        timers: { inactivity: 60000 },
        connections: {
          incoming: { net: [{ scope: 'device', transform: 'shs', port, host: '127.0.0.1' }] },
          outgoing: { net: [{ transform: 'shs' }] }
        }
      })
    sbot.on('rpc:connect', (rpc, isClient) => emit('connected', { id: rpc.id, isClient }))
    return { id: sbot.id }
  },
  publish: async ({ content }) => (await promised((done) => sbot.publish(content, done))).key,
  // Dials us and takes our log, checking each message as any other.
  dial: async ({ port, key, options }) => {
    const rpc = await connect(port, key)
    let added = 0
    try {
      await promised((done) => pull(
        rpc.createHistoryStream(options),
        pull.asyncMap((item, next) => {
          const message = item.key ? item.value : item
          if (message.sync) return next(null, 0)
          sbot.add(message, (error) => { if (!error) added++; next(error) })
        }),
        pull.collect(done)
      ))
      return { added }
    } finally {
      await new Promise((resolve) => rpc.close(true, resolve))
    }
  },
  // The items of a source of ours, as they come.
  source: async ({ port, key, name, args }) => {
    const rpc = await connect(port, key)
    try {
      const method = name.split('.').reduce((place, part) => place[part], rpc)
      const items = await collect(method(...args))
      return items.map((item) => Buffer.isBuffer(item) ? { hex: item.toString('hex') } : item)
    } finally {
      await new Promise((resolve) => rpc.close(true, resolve))
    }
  },
  call: async ({ port, key, name, args }) => {
    const rpc = await connect(port, key)
    try {
      const result = await ask(rpc, name, args)
      return result === undefined ? null : result
    } finally {
      await new Promise((resolve) => rpc.close(true, resolve))
    }
  },
  // Stays connected, so that the exchange of wants goes on.
  connect: async ({ port, key }) => { await connect(port, key) },
  log: ({ id }) => collect(sbot.createUserStream({ id })).then((items) => items.map((item) => item.key)),
  addBlob: ({ hex }) => promised((done) => pull(pull.values([Buffer.from(hex, 'hex')]), sbot.blobs.add(done))),
  want: ({ id }) => promised((done) => sbot.blobs.want(id, done)),
  blob: async ({ id }) => Buffer.concat(await collect(sbot.blobs.get(id))).toString('hex')
})
