// A node of bittorrent-dht, the DHT of WebTorrent, on loopback.
//
// Its argument is the host that it listens on, 127.0.0.1 if there is none. Values travel as hex. Ed25519 is
// Node's own, so that no module has to be compiled.
import crypto from 'node:crypto'
import DHT from 'bittorrent-dht'
import { serve } from './serve.js'

const [host = '127.0.0.1'] = process.argv.slice(2)
const bytes = (hex) => Buffer.from(hex, 'hex')
const SPKI = bytes('302a300506032b6570032100') // what RFC 8410 puts before a public key
const PKCS8 = bytes('302e020100300506032b657004220420') // and before a seed

const verify = (signature, message, key) => {
  const shown = crypto.createPublicKey({ key: Buffer.concat([SPKI, Buffer.from(key)]), format: 'der', type: 'spki' })
  return crypto.verify(null, Buffer.from(message), shown, Buffer.from(signature))
}

const signer = (seed) => {
  const secret = crypto.createPrivateKey({ key: Buffer.concat([PKCS8, bytes(seed)]), format: 'der', type: 'pkcs8' })
  const shown = crypto.createPublicKey(secret).export({ format: 'der', type: 'spki' })
  return { k: shown.subarray(-32), sign: (message) => crypto.sign(null, Buffer.from(message), secret) }
}

const called = (begin) => new Promise((resolve, reject) => {
  begin((error, ...results) => error ? reject(error) : resolve(results))
})

// What a put came to: where it is stored and at how many nodes, or the code of the last refusal.
const put = async (what) => {
  try {
    const [target, copies] = await called((done) => dht.put(what, done))
    return { target: target.toString('hex'), copies }
  } catch (error) {
    return { code: error.code ?? null, message: error.message }
  }
}

let dht

serve({
  // Listens, and enters the DHT through these nodes; without any it waits until it is asked something.
  start: ({ bootstrap }) => new Promise((resolve) => {
    // By itself it gives a node two seconds to answer, which a busy machine may take; nothing is lost in here.
    dht = new DHT({ bootstrap: bootstrap.length ? bootstrap : false, verify, host, timeout: 30000 })
    dht.on('error', (error) => console.error(error))
    dht.on('warning', (error) => console.error('warning', error.message))
    const told = () => resolve({ port: dht.address().port, id: dht.nodeId.toString('hex') })
    dht.listen(0, host, () => bootstrap.length ? dht.once('ready', told) : told())
  }),
  nodes: () => dht.toJSON().nodes,
  announce: async ({ info_hash: hash, port }) => (await called((done) => dht.announce(hash, port, done)))[0],
  // All peers that a whole lookup names, as host:port.
  lookup: ({ info_hash: hash }) => new Promise((resolve, reject) => {
    const found = new Set()
    const heard = (peer, about) => { if (about.toString('hex') === hash) found.add(`${peer.host}:${peer.port}`) }
    dht.on('peer', heard)
    dht.lookup(hash, (error) => { dht.off('peer', heard); error ? reject(error) : resolve([...found].sort()) })
  }),
  put_immutable: ({ value }) => put({ v: bytes(value) }),
  put_mutable: ({ seed, salt, seq, cas, value }) => put({
    ...signer(seed), seq, v: bytes(value), ...(salt ? { salt: bytes(salt) } : {}), ...(cas === null ? {} : { cas })
  }),
  // The item of a target, from the network and not from what this node keeps itself.
  get: async ({ target, salt }) => {
    const [item] = await called((done) => dht.get(target, { cache: false, ...(salt ? { salt: bytes(salt) } : {}) }, done))
    if (!item) return null
    return { value: item.v.toString('hex'), seq: item.seq ?? null, key: item.k?.toString('hex') ?? null }
  }
})
