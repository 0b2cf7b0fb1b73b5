// Scuttlebutt's ssb-keys. Objects travel as JSON *text*: what it means to JavaScript is part of the question.
'use strict'
const ssb = require('ssb-keys')
const { serve } = require('./serve')

const keysOf = (seed) => ssb.generate('ed25519', Buffer.from(seed, 'hex'))
// ssb-keys sorts its arguments out by counting them, so an absent HMAC key must be left out.
const list = (...values) => values.filter((value) => value !== undefined && value !== null)

serve({
  keys: ({ seed }) => keysOf(seed),
  sign: ({ seed, hmac, text }) => ssb.sign(keysOf(seed), ...list(hmac, text)),
  verify: ({ author, signature, hmac, text }) => ssb.verify(author, signature, ...list(hmac, text)),
  signObject: ({ seed, hmac, json }) =>
    JSON.stringify(ssb.signObj(keysOf(seed), ...list(hmac, JSON.parse(json)))),
  // Verdicts on many objects; an exception is a verdict too.
  verifyObjects: ({ cases }) => cases.map(({ author, hmac, json }) => {
    try {
      return ssb.verifyObj(author, ...list(hmac, JSON.parse(json)))
    } catch (error) {
      return String(error)
    }
  }),
  hash: ({ text }) => ssb.hash(text),
  // The form that Scuttlebutt signs, and its size as JavaScript counts it.
  canonical: ({ json }) => json.map((text) => {
    const form = JSON.stringify(JSON.parse(text), null, 2)
    return [form, form.length]
  }),
  create: ({ path }) => ssb.createSync(path),
  load: ({ path }) => ssb.loadSync(path),
  box: ({ json, recipients }) => ssb.box(JSON.parse(json), recipients),
  // What it opens, as JSON text, or null for a message that is for somebody else.
  unbox: ({ boxed, seed }) => {
    const opened = ssb.unbox(boxed, keysOf(seed))
    return opened === undefined ? null : JSON.stringify(opened)
  }
})
