// ipfs-bitswap on js-libp2p 1, on loopback: TCP with Noise and yamux. Its blocks are raw under SHA-256, and the
// one numbered n is "n," repeated up to its size, or some text.
import './polyfill.mjs'
import { createLibp2p } from 'libp2p-1'
import { tcp } from 'libp2p-1-tcp'
import { noise } from 'libp2p-1-noise'
import { yamux } from 'libp2p-1-yamux'
import { identify } from 'libp2p-1-identify'
import { createBitswap } from 'ipfs-bitswap'
import { MemoryBlockstore } from 'blockstore-core-4'
import { CID } from 'multiformats-13/cid'
import { sha256 } from 'multiformats-13/hashes/sha2'
import * as dagPb from '@ipld/dag-pb'
import { importByteStream } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { emit, serve } from './serve.js'
// libp2p 1 takes addresses of the version of multiaddr that it was made with alone
import { multiaddr } from '../node_modules/libp2p-1/node_modules/@multiformats/multiaddr/dist/src/index.js'

const PATIENCE_MS = 90000 // by itself it gives whoever dials two seconds to be let in, which a busy machine may take
const node = await createLibp2p({
  addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
  transports: [tcp()],
  connectionEncryption: [noise()],
  streamMuxers: [yamux()],
  connectionManager: { dialTimeout: PATIENCE_MS, inboundUpgradeTimeout: PATIENCE_MS },
  services: { identify: identify({ timeout: PATIENCE_MS }) }
})
const store = new MemoryBlockstore()
const bitswap = createBitswap(node, store, { statsEnabled: true, hashLoader: { getHasher: async () => sha256 } })
await bitswap.start()
let peer
node.addEventListener('peer:connect', ({ detail }) => { peer = detail })

const put = async (data) => {
  const cid = CID.createV1(0x55, await sha256.digest(data))
  await bitswap.put(cid, data)
  return cid.toString()
}
const numbered = (number, size) => Buffer.alloc(size, `${number},`)

serve({
  listen: () => ({ address: node.getMultiaddrs()[0].toString(), id: String(node.peerId) }),
  dial: async ({ address }) => String((await node.dial(multiaddr(address))).remotePeer),
  put: ({ text }) => put(Buffer.from(text)),
  // Many blocks: their CIDs.
  fill: async ({ count, size }) => {
    const found = []
    for (let number = 0; number < count; number++) found.push(await put(numbered(number, size)))
    return found
  },
  // A file of the numbers 0, 1, 2..., each in four bytes, in chunks of some size: its root, and how many blocks
  // it has.
  importFile: async ({ size, chunk }) => {
    const blocks = new Map()
    const into = { put: (cid, block) => { blocks.set(String(cid), block); return cid } }
    const file = Buffer.alloc(size)
    for (let at = 0; at < size; at += 4) file.writeUInt32BE(at / 4, at)
    const bytes = (async function * () { yield file })()
    const { cid } = await importByteStream(bytes, into, { chunker: fixedSize({ chunkSize: chunk }) })
    for (const [name, block] of blocks) await bitswap.put(CID.parse(name), block)
    return { root: String(cid), blocks: blocks.size }
  },
  // Fetches all blocks that hang on a root: how many there are.
  walk: async ({ root }) => {
    const seen = new Set()
    const visit = async (name) => {
      if (seen.has(name)) return
      seen.add(name)
      const cid = CID.parse(name)
      const data = await bitswap.want(cid, { signal: AbortSignal.timeout(PATIENCE_MS) })
      if (cid.code === dagPb.code) {
        await Promise.all(dagPb.decode(data).Links.map(({ Hash }) => visit(String(Hash))))
      }
    }
    await visit(root)
    return seen.size
  },
  // The block of a CID, as text; it is kept.
  get: async ({ cid, milliseconds = PATIENCE_MS }) => {
    const data = await bitswap.want(CID.parse(cid), { signal: AbortSignal.timeout(milliseconds) })
    return Buffer.from(data).toString('latin1')
  },
  // Wants blocks, all at once: how many bytes came.
  getMany: async ({ cids }) => {
    const all = await Promise.all(cids.map((cid) => bitswap.want(CID.parse(cid), {
      signal: AbortSignal.timeout(PATIENCE_MS)
    })))
    return all.reduce((sum, data) => sum + data.byteLength, 0)
  },
  // Wants a block and tells when it is there; does not wait.
  begin: ({ cid }) => {
    bitswap.want(CID.parse(cid), { signal: AbortSignal.timeout(PATIENCE_MS) })
      .then((data) => emit('came', Buffer.from(data).toString('latin1')), (error) => emit('failed', String(error)))
  },
  unwant: ({ cid }) => { bitswap.unwant(CID.parse(cid)) },
  hangUp: ({ address }) => node.hangUp(multiaddr(address)),
  has: ({ cid }) => store.has(CID.parse(cid)),
  // What it keeps of our wants.
  wants: () => peer === undefined ? [] : [...bitswap.wantlistForPeer(peer)].map(([, want]) => want.cid.toString()),
  ledger: () => {
    const { sent, recv, exchanged } = bitswap.ledgerForPeer(peer) ?? { sent: 0, recv: 0, exchanged: 0 }
    return { sent: Number(sent), came: Number(recv), exchanged: Number(exchanged) }
  }
})
