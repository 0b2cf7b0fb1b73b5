// js-multiaddr: addresses from text to bytes, and back.
import './polyfill.mjs'
import { multiaddr } from '@multiformats/multiaddr'
import { serve } from './serve.js'

serve({
  encode: ({ texts }) => texts.map((text) => Buffer.from(multiaddr(text).bytes).toString('hex')),
  decode: ({ raws }) => raws.map((raw) => multiaddr(Buffer.from(raw, 'hex')).toString())
})
