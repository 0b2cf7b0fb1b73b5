// npm's IPLD packages: values between codecs, CAR files, and the AT Protocol's Merkle search tree.
import './polyfill.mjs'
import { CarIndexer, CarReader, CarWriter } from '@ipld/car'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import * as dagPb from '@ipld/dag-pb'
import { BlockMap, DataDiff, MemoryBlockstore, MST } from '@atproto/repo'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { serve } from './serve.js'

const codecs = { 'dag-cbor': dagCbor, 'dag-json': dagJson, 'dag-pb': dagPb }
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, 'hex'))
const hex = (raw) => Buffer.from(raw).toString('hex')

async function translate (from, to, raw) {
  const made = codecs[to].encode(codecs[from].decode(raw))
  const cid = CID.createV1(codecs[to].code, await sha256.digest(made))
  return { hex: hex(made), cid: cid.toString() }
}

async function readCar (raw) {
  const reader = await CarReader.fromBytes(raw)
  const blocks = []
  for await (const { cid, bytes } of reader.blocks()) blocks.push({ cid: cid.toString(), hex: hex(bytes) })
  return { version: reader.version, roots: (await reader.getRoots()).map(String), blocks }
}

async function writeCar (roots, blocks) {
  const { writer, out } = CarWriter.create(roots.map((text) => CID.parse(text)))
  const pieces = []
  const taken = (async () => { for await (const piece of out) pieces.push(piece) })()
  for (const block of blocks) await writer.put({ cid: CID.parse(block.cid), bytes: bytes(block.hex) })
  await writer.close()
  await taken
  return hex(Buffer.concat(pieces))
}

// A tree of [key, identifier] in the order given, over a store of its own.
async function grown (pairs) {
  let tree = await MST.create(new MemoryBlockstore())
  for (const [key, cid] of pairs) tree = await tree.add(key, CID.parse(cid))
  return tree
}

async function loaded (root, blocks) {
  const map = new BlockMap()
  for (const block of blocks) map.set(CID.parse(block.cid), bytes(block.hex))
  return MST.load(new MemoryBlockstore(map), CID.parse(root))
}

serve({
  translate: ({ from, to, raws }) => Promise.all(raws.map((raw) => translate(from, to, bytes(raw)))),
  verdicts: ({ codec, raws }) => raws.map((raw) => {
    try { codecs[codec].decode(bytes(raw)); return true } catch { return false }
  }),
  readCar: ({ raw }) => readCar(bytes(raw)),
  writeCar: ({ roots, blocks }) => writeCar(roots, blocks),
  places: async ({ raw }) => {
    const found = []
    for await (const { cid, offset } of await CarIndexer.fromBytes(bytes(raw))) found.push([cid.toString(), offset])
    return found
  },
  // The root and all nodes of a tree that they make.
  grow: async ({ pairs, without }) => {
    let tree = await grown(pairs)
    for (const key of without) tree = await tree.delete(key)
    const { root, blocks } = await tree.getUnstoredBlocks()
    return { root: root.toString(), blocks: blocks.entries().map(({ cid, bytes }) => ({ cid: cid.toString(), hex: hex(bytes) })) }
  },
  // What they find in a tree that we made.
  list: async ({ root, blocks }) => {
    const tree = await loaded(root, blocks)
    return (await tree.list()).map((leaf) => [leaf.key, leaf.value.toString()])
  },
  diff: async ({ before, after }) => {
    const found = await DataDiff.of(await loaded(after.root, after.blocks), await loaded(before.root, before.blocks))
    return {
      adds: found.addList().map(({ key, cid }) => [key, null, cid.toString()]),
      updates: found.updateList().map(({ key, prev, cid }) => [key, prev.toString(), cid.toString()]),
      deletes: found.deleteList().map(({ key, cid }) => [key, cid.toString(), null])
    }
  }
})
