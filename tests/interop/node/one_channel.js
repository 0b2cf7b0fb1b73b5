// A channel of discovery-channel 5, the module that the page about one channel takes its idea from.
//
// Its own DHT enters through the given node, and its multicast stays on loopback.
'use strict'
const discoveryChannel = require('discovery-channel')
const mdns = require('multicast-dns')
const { serve } = require('./serve.js')

let channel
const seen = {} // of each key, "source host:port"

serve({
  start: ({ bootstrap, mdns_port: port }) => {
    channel = discoveryChannel({
      dht: bootstrap.length ? { bootstrap, timeout: 30000 } : false,
      dns: port ? { loopback: true, multicast: mdns({ interface: '127.0.0.1', bind: '0.0.0.0', loopback: true, ttl: 1, port }) } : false
    })
    channel.on('peer', (id, peer, source) => {
      const key = id.toString()
      seen[key] = [...new Set([...(seen[key] || []), `${source} ${peer.host}:${peer.port}`])].sort()
    })
  },
  // Announces with a port, and only looks without one.
  join: ({ key, port }) => { port ? channel.join(key, port) : channel.join(key) },
  peers: ({ key }) => seen[key] || [],
  stop: () => new Promise((resolve) => channel.destroy(() => resolve(true)))
})
