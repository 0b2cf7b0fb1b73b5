// Names of contents: multiformats' CIDs, and what IPFS' importer makes of a file.
import './polyfill.mjs'
import { MemoryBlockstore } from 'blockstore-core'
import { importer } from 'ipfs-unixfs-importer'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { sha256 } from 'multiformats/hashes/sha2'
import { serve } from './serve.js'

serve({
  name: async ({ hexes }) => Promise.all(hexes.map(async (hex) =>
    CID.createV1(raw.code, await sha256.digest(Buffer.from(hex, 'hex'))).toString())),
  add: async ({ hexes, options }) => {
    const names = []
    for (const hex of hexes) {
      for await (const entry of importer([{ content: Buffer.from(hex, 'hex') }], new MemoryBlockstore(), options)) {
        names.push(entry.cid.toString())
      }
    }
    return names
  },
  parts: ({ texts }) => texts.map((text) => {
    const cid = CID.parse(text)
    return { version: cid.version, codec: cid.code, function: cid.multihash.code, digest: Buffer.from(cid.multihash.digest).toString('hex') }
  })
})
