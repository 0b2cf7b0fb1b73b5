// blockstore-fs over a folder that is shared with our block store: values travel as hex.
import './polyfill.mjs'
import { FsBlockstore } from 'blockstore-fs'
import { CID } from 'multiformats/cid'
import { base32 } from 'multiformats/bases/base32'
import path from 'node:path'
import { serve } from './serve.js'

// The layout of Kubo's flatfs, by its own words: base32 without a prefix, the two letters before the last.
const flatfs = {
  extension: '.data',
  encode: (cid) => {
    const name = base32.encoder.encode(cid.multihash.bytes).slice(1).toUpperCase()
    return { dir: name.slice(-3, -1), file: name + '.data' }
  },
  decode: (file) => CID.decode(base32.decoder.decode('b' + path.basename(file, '.data').toLowerCase()))
}

const open = async (folder, layout) => {
  const store = new FsBlockstore(folder, layout === 'flatfs' ? { shardingStrategy: flatfs } : {})
  await store.open()
  return store
}

const joined = async (parts) => {
  const found = []
  for await (const part of parts) found.push(part)
  return Buffer.concat(found).toString('hex')
}

serve({
  put: async ({ folder, layout, blocks }) => {
    const store = await open(folder, layout)
    const pairs = blocks.map(([cid, hex]) => ({ cid: CID.parse(cid), bytes: Buffer.from(hex, 'hex') }))
    let count = 0
    for await (const _ of store.putMany(pairs)) count++
    return count
  },
  get: async ({ folder, layout, cids }) => {
    const store = await open(folder, layout)
    return Promise.all(cids.map((cid) => joined(store.get(CID.parse(cid)))))
  },
  has: async ({ folder, layout, cids }) => {
    const store = await open(folder, layout)
    return Promise.all(cids.map((cid) => store.has(CID.parse(cid))))
  },
  remove: async ({ folder, layout, cid }) => {
    const store = await open(folder, layout)
    await store.delete(CID.parse(cid))
    return true
  },
  all: async ({ folder, layout }) => {
    const store = await open(folder, layout)
    const found = []
    for await (const { cid, bytes } of store.getAll()) found.push([Buffer.from(cid.multihash.bytes).toString('hex'), await joined(bytes)])
    return found.sort()
  }
})
