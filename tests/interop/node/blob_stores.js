// Blob stores of npm over a folder that is shared with ours: values travel as hex, a megabyte at most.
'use strict'
const fs = require('node:fs')
const path = require('node:path')
const contentStore = require('content-addressable-blob-store')
const keyedStore = require('fs-blob-store')
const memoryStore = require('abstract-blob-store')
const multiblob = require('multiblob')
const pull = require('pull-stream')
const ssbKeys = require('ssb-keys')
const { serve } = require('./serve')

const open = {
  content: (folder) => contentStore({ dir: folder, tmpdir: path.join(folder, '..') }),
  keyed: (folder) => keyedStore(folder),
  memory: () => memoryStore(),
  // When it is made it empties its folder of unfinished blobs, so there may be one for each folder.
  multiblob: (folder) => multiblob({ dir: folder, alg: 'sha256' })
}
const kept = new Map()
const storeOf = (kind, folder) => {
  const name = kind + folder
  if (!kept.has(name)) kept.set(name, open[kind](folder))
  return kept.get(name)
}

const write = (store, options, pieces) => new Promise((resolve, reject) => {
  const stream = store.createWriteStream(options, (error, found) => error ? reject(error) : resolve(found))
  for (const piece of pieces) stream.write(piece)
  stream.end()
})

const read = (store, options) => new Promise((resolve, reject) => {
  const parts = []
  store.createReadStream(options)
    .on('error', reject)
    .on('data', (part) => parts.push(part))
    .on('end', () => resolve(Buffer.concat(parts).toString('hex')))
})

const called = (doing) => new Promise((resolve, reject) => {
  doing((error, found) => error ? reject(error) : resolve(found))
})

const blobs = (folder) => storeOf('multiblob', folder)

serve({
  write: ({ kind, folder, key, pieces }) =>
    write(storeOf(kind, folder), key === null ? {} : { key }, pieces.map((piece) => Buffer.from(piece, 'hex')))
      .then(({ key, size }) => ({ key, size: size === undefined ? null : size })),
  read: ({ kind, folder, keys }) => Promise.all(keys.map((key) => read(storeOf(kind, folder), { key }))),
  part: ({ kind, folder, key, start, last }) => read(storeOf(kind, folder), { key, start, end: last }),
  exists: ({ kind, folder, key }) => called((done) => storeOf(kind, folder).exists({ key }, done)),
  remove: ({ kind, folder, key }) => called((done) => storeOf(kind, folder).remove({ key }, done)),
  // A writer that is left when so many bytes are on the disk, in a file below `where`.
  leave: ({ kind, folder, key, piece, where }) => new Promise((resolve) => {
    const stream = storeOf(kind, folder).createWriteStream(key === null ? {} : { key }, () => {})
    const sizes = () => fs.existsSync(where)
      ? fs.readdirSync(where).map((name) => fs.statSync(path.join(where, name)).size)
      : []
    const look = () => {
      if (!sizes().includes(piece.length / 2)) return setImmediate(look)
      stream.destroy()
      resolve()
    }
    stream.write(Buffer.from(piece, 'hex'), look)
  }),
  ids: ({ values }) => values.map((value) => '&' + ssbKeys.hash(Buffer.from(value, 'hex'))),
  blobsAdd: ({ folder, values }) => Promise.all(values.map((value) => called((done) =>
    pull(pull.once(Buffer.from(value, 'hex')), blobs(folder).add(done))))),
  blobsGet: ({ folder, ids }) => Promise.all(ids.map((id) => called((done) =>
    pull(blobs(folder).get(id), pull.collect((error, parts) =>
      done(error, error ? null : Buffer.concat(parts).toString('hex'))))))),
  blobsSize: ({ folder, ids }) => Promise.all(ids.map((id) => called((done) => blobs(folder).size(id, done)))),
  list: ({ folder }) => fs.readdirSync(folder, { recursive: true }).sort()
})
