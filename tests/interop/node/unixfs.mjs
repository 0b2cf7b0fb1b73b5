// ipfs-unixfs-importer and -exporter: files and directories to blocks and back. Blocks travel as [cid, hex].
import './polyfill.mjs'
import { MemoryBlockstore } from 'blockstore-core'
import { exporter, recursive } from 'ipfs-unixfs-exporter'
import { importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced, trickle } from 'ipfs-unixfs-importer/layout'
import { murmur3128 } from '@multiformats/murmur3'
import { CID } from 'multiformats/cid'
import { serve } from './serve.js'

// A kilobyte of each number: no two chunks are equal, whatever their size.
const content = (size) => {
  const parts = []
  for (let number = 0; number * 1024 < size; number++) {
    const word = Buffer.alloc(4)
    word.writeUInt32BE(number)
    parts.push(Buffer.alloc(1024, word))
  }
  return Buffer.concat(parts).subarray(0, size)
}

const options = ({ chunk, width, isTrickle, mtime, ...rest }) => ({
  ...rest,
  ...(chunk && { chunker: fixedSize({ chunkSize: chunk }) }),
  ...(width && { layout: (isTrickle ? trickle : balanced)({ maxChildrenPerNode: width }) })
})

const add = async (store, files, how) => {
  let last
  for await (const entry of importer(files, store, options(how))) last = entry
  return { cid: String(last.cid), size: Number(last.size) }
}

const metadata = ({ mtime, mode }) => ({
  ...(mtime && { mtime: { secs: BigInt(mtime[0]), nsecs: mtime[1] } }),
  ...(mode && { mode })
})

const dump = async (store) => {
  const blocks = []
  for await (const { cid, bytes } of store.getAll()) {
    const parts = []
    for await (const part of bytes) parts.push(part)
    blocks.push([String(cid), Buffer.concat(parts).toString('hex')])
  }
  return blocks
}

const load = async (blocks) => {
  const store = new MemoryBlockstore()
  for (const [cid, hex] of blocks) await store.put(CID.parse(cid), Buffer.from(hex, 'hex'))
  return store
}

const collect = async (pieces) => {
  const parts = []
  for await (const part of pieces) parts.push(part)
  return Buffer.concat(parts)
}

const tree = (names) => names.map((name, number) => ({ path: `root/${name}`, content: Buffer.from(`x${number}`) }))

serve({
  murmur3: ({ names }) =>
    Promise.all(names.map(async (name) => Buffer.from(await murmur3128.encode(Buffer.from(name))).toString('hex'))),
  files: async ({ cases }) => {
    const found = []
    for (const { size, meta, ...how } of cases) {
      const file = { path: 'f', content: content(size), ...metadata(meta || {}) }
      found.push(await add(new MemoryBlockstore(), [file], how))
    }
    return found
  },
  tree: async ({ names, how }) => {
    const store = new MemoryBlockstore()
    return { ...(await add(store, tree(names), how)), blocks: await dump(store) }
  },
  folder: async ({ entries, how }) => {
    const made = entries.map(({ path, size, link, meta }) => ({
      path: `root/${path}`, // a folder of the disk has neither a size nor a link
      ...(size !== undefined && { content: content(size) }),
      ...(link !== undefined && { link }),
      ...metadata(meta || {})
    }))
    const store = new MemoryBlockstore()
    return { ...(await add(store, made, how)), blocks: await dump(store) }
  },
  file: async ({ size, how }) => {
    const store = new MemoryBlockstore()
    return { ...(await add(store, [{ path: 'f', content: content(size) }], how)), blocks: await dump(store) }
  },
  read: async ({ blocks, path, ranges }) => {
    const entry = await exporter(path, await load(blocks))
    const found = []
    for (const [offset, length] of ranges) found.push((await collect(entry.content({ offset, length }))).toString('hex'))
    return { type: entry.type, size: Number(entry.size), found }
  },
  all: async ({ blocks, cid }) => {
    const store = await load(blocks)
    const found = {}
    for await (const entry of recursive(CID.parse(cid), store)) {
      const node = await exporter(entry.cid, store)
      if (node.type === 'directory') continue
      found[entry.path.slice(entry.path.indexOf('/') + 1)] = (await collect(node.content())).toString('hex')
    }
    return found
  },
  paths: async ({ blocks, cid, names }) => {
    const store = await load(blocks)
    return Promise.all(names.map(async (name) => String((await exporter(`${cid}/${name}`, store)).cid)))
  }
})
