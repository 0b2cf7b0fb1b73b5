// The Node half of the harness: requests come in as lines of JSON, replies and events go out the same way.
//
//   in   {"id": 1, "op": "sign", "arguments": {...}}
//   out  {"id": 1, "result": ...}  or  {"id": 1, "error": "Error: ..."}  or  {"event": "peer", "data": ...}
//
// Many old modules print on standard output; here that goes to stderr, so that the protocol stays clean.
'use strict'
const { createInterface } = require('node:readline')

const write = process.stdout.write.bind(process.stdout)
process.stdout.write = process.stderr.write.bind(process.stderr)

const send = (message) => write(JSON.stringify(message) + '\n')

// Serve a table of operations, {name: (arguments) => result or promise}, until standard input ends.
exports.serve = function serve (operations) {
  const lines = createInterface({ input: process.stdin, crlfDelay: Infinity })
  lines.on('line', async (line) => {
    const { id, op, arguments: given } = JSON.parse(line)
    try {
      if (!Object.hasOwn(operations, op)) throw new Error(`no operation ${op}`)
      const result = await operations[op](given)
      send({ id, result: result === undefined ? null : result })
    } catch (error) {
      send({ id, error: String(error) })
    }
  })
  lines.on('close', () => process.exit(0))
}

// Tell the other side something that it did not ask for.
exports.emit = (event, data) => send({ event, data })
