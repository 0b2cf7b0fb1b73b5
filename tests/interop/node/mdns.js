// multicast-dns, dns-discovery, discovery-channel and discovery-swarm, on loopback alone.
//
// `bind` has to be given: with `interface` alone the socket is bound to it, and on Linux hears no multicast.
'use strict'
const multicast = require('multicast-dns')
const dnsDiscovery = require('dns-discovery')
const discoveryChannel = require('discovery-channel')
const discoverySwarm = require('discovery-swarm')
const { emit, serve } = require('./serve')

const onLoopback = () => multicast({ interface: '127.0.0.1', bind: '0.0.0.0', loopback: true, ttl: 1 })

const text = (record) => ({
  name: record.name,
  type: record.type,
  ttl: record.ttl,
  flush: record.flush || false,
  data: record.type === 'TXT' ? [].concat(record.data).map(String) : record.data
})

let mdns = null
const socket = () => (mdns = mdns || onLoopback())

serve({
  // Asks, and returns the first answer that has a record of this name and type.
  query: ({ name, type }) => new Promise((resolve) => {
    socket().on('response', (packet) => {
      if (packet.answers.some((record) => record.name === name && record.type === type)) {
        resolve({ answers: packet.answers.map(text), additionals: packet.additionals.map(text) })
      }
    })
    const ask = () => socket().query(name, type)
    ask()
    setInterval(ask, 1000).unref()
  }),
  // Answers with these records whenever one of them is asked for.
  respond: ({ answers }) => {
    socket().on('query', (packet) => {
      const asked = (record) => packet.questions.some((q) => q.name === record.name && q.type === record.type)
      const found = answers.filter(asked)
      if (found.length) socket().respond({ answers: found, additionals: answers.filter((r) => !asked(r)) })
    })
  },
  // dns-discovery: announces if there is a port, and tells each peer that it hears of.
  discover: ({ id, port }) => {
    const discovery = dnsDiscovery({ multicast: onLoopback(), server: [], loopback: true })
    discovery.on('peer', (name, peer) => emit('peer', { id: name, host: peer.host, port: peer.port }))
    if (port) discovery.announce(id, port)
    else discovery.lookup(id)
  },
  // discovery-channel: the same, by key.
  join: ({ key, port }) => {
    const channel = discoveryChannel({ dht: false, dns: { multicast: onLoopback(), loopback: true } })
    channel.on('peer', (id, peer, type) => {
      emit('peer', { id: id.toString(), host: peer.host, port: peer.port, type })
    })
    channel.join(key, port || undefined)
  },
  // discovery-swarm: joins, and greets whoever it is connected with.
  swarm: ({ key, port }) => {
    const swarm = discoverySwarm({ utp: false, dht: false, dns: { multicast: onLoopback(), loopback: true } })
    swarm.on('connection', (stream, info) => {
      stream.on('error', () => {})
      stream.once('data', (data) => emit('said', { text: data.toString(), initiator: info.initiator }))
      stream.write('hello from node')
    })
    swarm.listen(port)
    swarm.join(key)
  }
})
