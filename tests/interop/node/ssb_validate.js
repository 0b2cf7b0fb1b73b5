// Scuttlebutt's ssb-validate: verdicts on messages, and feeds that it makes itself.
// Messages travel as JSON *text*: what it means to JavaScript is part of the question.
'use strict'
const ssbKeys = require('ssb-keys')
const validate = require('ssb-validate')
const { serve } = require('./serve')

const keysOf = (seed) => ssbKeys.generate('ed25519', Buffer.from(seed, 'hex'))

// One message against the state of its feed, {id, sequence} or null. What it throws is a verdict too.
const verdict = ({ json, state, hmac }) => {
  try {
    const error = validate.checkInvalid(state, hmac, JSON.parse(json))
    return error ? String(error.message) : true
  } catch (error) {
    return 'threw: ' + error.message
  }
}

serve({
  verdicts: ({ cases }) => cases.map(verdict),
  // A whole feed, message after message; the ids that it gives them.
  appendAll: ({ messages, hmac }) => {
    let state = validate.initial()
    for (const json of messages) state = validate.append(state, hmac, JSON.parse(json))
    return state.queue.map(({ key }) => key)
  },
  // A feed of its own, as canonical texts.
  create: ({ seed, hmac, contents, timestamp }) => {
    let state = validate.initial()
    contents.forEach((json, n) => {
      state = validate.appendNew(state, hmac, keysOf(seed), JSON.parse(json), timestamp + n)
    })
    return state.queue.map(({ key, value }) => ({ key, text: validate.encode(value) }))
  },
  // How long the same work takes here: parse, check, id. Seconds for all of them.
  time: ({ messages, hmac }) => {
    const begun = process.hrtime.bigint()
    let state = validate.initial()
    for (const json of messages) state = validate.append(state, hmac, JSON.parse(json))
    return Number(process.hrtime.bigint() - begun) / 1e9
  }
})
