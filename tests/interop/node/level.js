// npm's level: LevelDB under Node. Keys and values travel as hex; each operation names the directory it means.
'use strict'
const { Level } = require('level')
const { serve } = require('./serve')

const open = new Map()
const raw = { keyEncoding: 'buffer', valueEncoding: 'buffer' }
const bytes = (hex) => Buffer.from(hex, 'hex')

serve({
  open: async ({ path, options }) => {
    const db = new Level(path, { ...raw, ...options })
    try {
      await db.open()
    } catch (error) {
      throw error.cause || error // the outer one says only that it is not open
    }
    open.set(path, db)
  },
  // [[key, value], ...]; without a value a key is deleted. One batch, whole or not at all.
  write: ({ path, changes, sync }) => open.get(path).batch(
    changes.map(([key, value]) => value === undefined
      ? { type: 'del', key: bytes(key) }
      : { type: 'put', key: bytes(key), value: bytes(value) }),
    { sync }
  ),
  putInSublevel: ({ path, name, key, text }) => open.get(path).sublevel(name).put(key, text),
  get: async ({ path, key }) => {
    const value = await open.get(path).get(bytes(key))
    return value === undefined ? null : value.toString('hex')
  },
  entries: async ({ path, range }) => {
    const found = []
    for await (const [key, value] of open.get(path).iterator(range || {})) {
      found.push([key.toString('hex'), value.toString('hex')])
    }
    return found
  },
  range: async ({ path, start, end, reverse, limit }) => {
    const found = []
    const range = { gte: bytes(start), lt: bytes(end), reverse, limit }
    for await (const [key] of open.get(path).iterator(range)) found.push(key.toString('hex'))
    return found
  },
  compact: ({ path }) => open.get(path).compactRange(Buffer.alloc(0), Buffer.alloc(8, 255)),
  close: async ({ path }) => {
    await open.get(path).close()
    open.delete(path)
  },
  die: () => process.kill(process.pid, 'SIGKILL')
})
