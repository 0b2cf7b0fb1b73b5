// @noble/hashes: BLAKE3 in its three modes, of any output length.
import { blake3 } from '@noble/hashes/blake3.js'
import { serve } from './serve.js'

const bytes = (hex) => Uint8Array.from(Buffer.from(hex, 'hex'))
const hex = (value) => Buffer.from(value).toString('hex')

serve({
  hash: ({ cases }) =>
    cases.map(({ data, size, key, context }) =>
      hex(
        blake3(bytes(data), {
          dkLen: size,
          ...(key && { key: bytes(key) }),
          ...(context && { context: bytes(context) })
        })
      )
    )
})
