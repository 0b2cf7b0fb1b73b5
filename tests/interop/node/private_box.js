// npm's private-box, on X25519 keys and bytes, below ssb-keys' JSON and base64.
'use strict'
const box = require('private-box')
const { serve } = require('./serve')

const bytes = (hex) => Buffer.from(hex, 'hex')

serve({
  seal: ({ message, recipients }) => box.encrypt(bytes(message), recipients.map(bytes)).toString('hex'),
  // The opened message, or null for one that is for somebody else.
  open: ({ sealed, secret }) => {
    const opened = box.decrypt(bytes(sealed), bytes(secret))
    return opened ? opened.toString('hex') : null
  }
})
