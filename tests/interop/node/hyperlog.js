// npm's hyperlog over memdb, replicating over TCP on loopback in both roles.
//
// Replicas have names. Events: "replicated" with the name when an exchange is over, "failed" with its reason.
'use strict'
const net = require('node:net')
const hyperlog = require('hyperlog')
const memdb = require('memdb')
const { emit, serve } = require('./serve')

const replicas = {}
const promised = (call) => new Promise((resolve, reject) => {
  call((error, result) => error ? reject(error) : resolve(result))
})

// A generator of numbers that is the same every time: xorshift with 32 bits.
const dice = (seed) => (sides) => {
  seed ^= seed << 13; seed ^= seed >>> 17; seed ^= seed << 5
  return (seed >>> 0) % sides
}

const shown = (node) => ({
  log: node.log, seq: node.seq, key: node.key, links: node.links, value: node.value.toString('hex')
})

const exchange = (name, socket, options) => {
  const stream = replicas[name].replicate(options)
  socket.on('error', () => {})
  stream.on('error', (error) => { emit('failed', error.message); socket.destroy() })
  stream.on('end', () => emit('replicated', name))
  socket.pipe(stream).pipe(socket)
  return stream
}

serve({
  create: ({ name }) => { replicas[name] = hyperlog(memdb(), { id: name }) },
  add: async ({ name, links, hex }) => {
    const add = (done) => replicas[name].add(links, Buffer.from(hex, 'hex'), done)
    return shown(await promised(add))
  },
  append: async ({ name, hex }) =>
    shown(await promised((done) => replicas[name].append(Buffer.from(hex, 'hex'), done))),
  // Adds nodes that link to up to four others at random, with values of any bytes.
  grow: async ({ name, count, seed }) => {
    const roll = dice(seed)
    const known = []
    await new Promise((resolve, reject) => replicas[name].createReadStream()
      .on('data', (node) => known.push(node.key)).on('end', resolve).on('error', reject))
    for (let number = 0; number < count; number++) {
      const links = new Set()
      for (let left = Math.min(known.length, roll(5)); left > 0; left--) links.add(known[roll(known.length)])
      const value = Buffer.from(Array.from({ length: 4 + roll(60) }, () => roll(256)))
      value.writeUInt32BE(number)
      known.push((await promised((done) => replicas[name].add([...links], value, done))).key)
    }
  },
  // As soon as a node with this value is there, appends another one.
  answerTo: ({ name, question, answer }) => {
    replicas[name].on('add', (node) => {
      if (Buffer.from(node.value).toString('hex') === question) replicas[name].append(Buffer.from(answer, 'hex'))
    })
  },
  dump: ({ name }) => new Promise((resolve, reject) => {
    const nodes = []
    replicas[name].createReadStream().on('data', (node) => nodes.push(shown(node)))
      .on('end', () => resolve(nodes)).on('error', reject)
  }),
  heads: async ({ name }) => (await promised((done) => replicas[name].heads(done))).map((node) => node.key),
  listen: ({ name, live, mode }) => new Promise((resolve, reject) => {
    const server = net.createServer((socket) => exchange(name, socket, { live, mode }))
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve({ port: server.address().port }))
  }),
  dial: ({ name, port, live, mode }) => new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.once('error', reject)
    socket.once('connect', () => {
      const stream = exchange(name, socket, { live, mode })
      stream.on('end', resolve)
      stream.on('error', reject)
    })
  })
})
