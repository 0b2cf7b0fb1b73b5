// A js-libp2p node on loopback: TCP with Noise and yamux, or QUIC; identify, ping, and an echo protocol.
//
// It takes and makes connections. Its arguments are the kind of its key, Ed25519 if there is none, and "quic" if
// it shall speak that and not TCP.
// Events: "connected" and "identified" of every peer, "echoed" of every stream that was served, with the
// number of its bytes.
import './polyfill.mjs'
import { createLibp2p } from 'libp2p'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { multiaddr } from '@multiformats/multiaddr'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { emit, serve } from './serve.js'

const ECHO = '/echo/1.0.0'
const PATIENCE_MS = 90000 // by itself it waits for 5 or 10 s, which a busy machine may take
const PATIENT_QUIC = { handshakeTimeout: PATIENCE_MS, maxIdleTimeout: PATIENCE_MS }
const MANY = 256 // echoes at a time; by itself js-libp2p takes 32 and opens 64 of one protocol

const [kind = 'Ed25519', transport = 'tcp'] = process.argv.slice(2)
const where = transport === 'quic' ? 'udp/0/quic-v1' : 'tcp/0'
const node = await createLibp2p({
  privateKey: await generateKeyPair(kind),
  addresses: { listen: [`/ip4/127.0.0.1/${where}`] },
  transports: [transport === 'quic' ? (await import('@chainsafe/libp2p-quic')).quic(PATIENT_QUIC) : tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  connectionManager: {
    dialTimeout: PATIENCE_MS,
    addressDialTimeout: PATIENCE_MS,
    inboundUpgradeTimeout: PATIENCE_MS,
    inboundStreamProtocolNegotiationTimeout: PATIENCE_MS,
    outboundStreamProtocolNegotiationTimeout: PATIENCE_MS
  },
  services: { identify: identify({ timeout: PATIENCE_MS }), ping: ping({ timeout: PATIENCE_MS }) }
})
const told = ({ peerId, agentVersion, protocolVersion, protocols, listenAddrs, observedAddr }) => ({
  peer: String(peerId),
  agent: agentVersion,
  version: protocolVersion,
  protocols,
  addresses: listenAddrs.map(String),
  observed: observedAddr && String(observedAddr)
})
node.addEventListener('peer:connect', ({ detail }) => emit('connected', String(detail)))
node.addEventListener('peer:identify', ({ detail }) => emit('identified', told(detail)))

await node.handle(ECHO, async (stream) => {
  let size = 0
  for await (const data of stream) {
    size += data.byteLength
    if (!stream.send(data)) await stream.onDrain()
  }
  await stream.close()
  emit('echoed', size)
}, { maxInboundStreams: MANY, maxOutboundStreams: MANY })

// The connection to an address, made or kept from before.
const connect = ({ address }) => node.dial(multiaddr(address))

serve({
  // Where it listens, from the start.
  listen: () => {
    const address = node.getMultiaddrs()[0].toString()
    return { address, port: Number(address.split('/')[4]), id: String(node.peerId) }
  },
  dial: async (where) => {
    const connection = await connect(where)
    return {
      peer: String(connection.remotePeer), encryption: connection.encryption, muxer: connection.multiplexer
    }
  },
  // Sends bytes over a new stream, ends its side, and returns all that came back.
  echo: async ({ address, hex, protocol = ECHO }) => {
    const stream = await (await connect({ address })).newStream(protocol)
    const chunks = []
    const receive = (async () => {
      for await (const chunk of stream) chunks.push(Buffer.from(chunk.subarray()))
    })()
    if (!stream.send(Buffer.from(hex, 'hex'))) await stream.onDrain()
    await stream.close()
    await receive
    return Buffer.concat(chunks).toString('hex')
  },
  // The same for many streams at once, each with `size` bytes of its own: how many came back as they were.
  echoes: async ({ address, count, size }) => {
    const connection = await connect({ address })
    const echoed = async (seed) => {
      const sent = Buffer.alloc(size, `${seed},`)
      const stream = await connection.newStream(ECHO, { maxOutboundStreams: MANY })
      const chunks = []
      const receive = (async () => {
        for await (const chunk of stream) chunks.push(Buffer.from(chunk.subarray()))
      })()
      for (let at = 0; at < size; at += 65536) {
        if (!stream.send(sent.subarray(at, at + 65536))) await stream.onDrain()
      }
      await stream.close()
      await receive
      return Buffer.concat(chunks).equals(sent)
    }
    const all = await Promise.all(Array.from({ length: count }, (_, seed) => echoed(seed)))
    return all.filter(Boolean).length
  },
  // Milliseconds for a ping there and back.
  ping: async (where) => node.services.ping.ping((await connect(where)).remotePeer),
  identify: async (where) => told(await node.services.identify.identify(await connect(where))),
  // The peers that it is connected to.
  peers: () => node.getPeers().map(String),
  hangUp: async ({ address }) => { await node.hangUp(multiaddr(address)) }
})
