// npm's proquint 0.0.1: many values in one question.
'use strict'
const proquint = require('proquint')
const { serve } = require('./serve')

serve({
  encode: ({ hex }) => hex.map((value) => proquint.encode(Buffer.from(value, 'hex'))),
  decode: ({ text }) => text.map((value) => proquint.decode(value).toString('hex'))
})
