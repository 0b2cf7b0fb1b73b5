// Scuttlebutt's ssb-bendy-butt: messages of metafeeds, as hex.
'use strict'
const format = require('ssb-bendy-butt/format')
const ssbKeys = require('ssb-keys')
const { serve } = require('./serve')

const keysOf = (seed, kind) => ssbKeys.generate('ed25519', Buffer.from(seed, 'hex'), kind)
// Contents travel as JSON; {"$hex": "..."} is bytes.
const revive = (_, value) => (value && value.$hex !== undefined ? Buffer.from(value.$hex, 'hex') : value)

const verdict = ({ message, previous, hmac }) => {
  let said
  try {
    format.validate(Buffer.from(message, 'hex'), previous ? Buffer.from(previous, 'hex') : null, hmac,
      (error) => { said = error ? error.message : true })
  } catch (error) {
    said = 'threw: ' + error.message
  }
  return said
}

serve({
  verdicts: ({ cases }) => cases.map(verdict),
  id: ({ message }) => format.getMsgId(Buffer.from(message, 'hex')),
  // A metafeed of its own: contents in order, each signed by the subfeed too where a seed for it is given.
  create: ({ seed, subfeedSeed, contents, timestamp, hmac }) => {
    const keys = keysOf(seed, 'bendybutt-v1')
    const contentKeys = subfeedSeed ? keysOf(subfeedSeed, 'classic') : undefined
    let previous = null
    return contents.map((content, n) => {
      const message = format.newNativeMsg({
        keys, contentKeys, content: JSON.parse(content, revive), previous, timestamp: timestamp + n, hmacKey: hmac
      })
      previous = { key: format.getMsgId(message), value: format.fromNativeMsg(message) }
      return { id: previous.key, message: message.toString('hex') }
    })
  }
})
