// @helia/bitswap on js-libp2p 3, on loopback: TCP with Noise and yamux. Its blocks are raw under SHA-256, and the
// one numbered n is "n," repeated up to its size, or some text.
import './polyfill.mjs'
import { createLibp2p } from 'libp2p'
import { tcp } from '@libp2p/tcp'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import { defaultLogger } from '@libp2p/logger'
import { multiaddr } from '@multiformats/multiaddr'
import { MemoryBlockstore } from 'blockstore-core'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
// it exports what puts it into a Helia node alone, and this is what it puts there
import { Bitswap } from '../node_modules/@helia/bitswap/dist/src/bitswap.js'
import { emit, serve } from './serve.js'

const libp2p = await createLibp2p({
  addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  services: { identify: identify() }
})
const blockstore = new MemoryBlockstore()
const bitswap = new Bitswap({
  libp2p,
  blockstore,
  logger: defaultLogger(),
  routing: { findProviders: async function * () {} },
  getHasher: async () => sha256
})
await bitswap.start()
let peer
libp2p.addEventListener('peer:connect', ({ detail }) => { peer = detail })

const put = async (data) => {
  const cid = CID.createV1(0x55, await sha256.digest(data))
  await blockstore.put(cid, data)
  await bitswap.notify(cid)
  return cid.toString()
}
const want = (cid, milliseconds) =>
  bitswap.want(CID.parse(cid), { signal: AbortSignal.timeout(milliseconds) })

serve({
  listen: () => ({ address: libp2p.getMultiaddrs()[0].toString(), id: String(libp2p.peerId) }),
  dial: async ({ address }) => String((await libp2p.dial(multiaddr(address))).remotePeer),
  put: ({ text }) => put(Buffer.from(text)),
  // Many blocks: their CIDs.
  fill: async ({ count, size }) => {
    const found = []
    for (let number = 0; number < count; number++) found.push(await put(Buffer.alloc(size, `${number},`)))
    return found
  },
  // The block of a CID, as text.
  get: async ({ cid, milliseconds = 8000 }) => Buffer.from(await want(cid, milliseconds)).toString('latin1'),
  // Wants blocks, all at once: how many bytes came.
  getMany: async ({ cids }) => {
    const all = await Promise.all(cids.map((cid) => want(cid, 20000)))
    return all.reduce((sum, data) => sum + data.byteLength, 0)
  },
  // Wants a block and tells when it is there; does not wait.
  begin: ({ cid }) => {
    want(cid, 8000)
      .then((data) => emit('came', Buffer.from(data).toString('latin1')), (error) => emit('failed', String(error)))
  },
  hangUp: async ({ address }) => { await libp2p.hangUp(multiaddr(address)) },
  has: ({ cid }) => blockstore.has(CID.parse(cid)),
  // What it keeps of our wants and has not sent.
  wants: () => peer === undefined
    ? []
    : (bitswap.getPeerWantlist(peer) ?? []).filter(({ status }) => status !== 'sent').map(({ cid }) => String(cid)),
  ledger: () => ({ came: bitswap.peerWantLists.ledgerForPeer(peer)?.received ?? 0 })
})
