// multistream-select 3 in both roles over TCP on loopback; what was agreed on is echoed.
'use strict'
const net = require('net')
const MSS = require('multistream-select')
const { emit, serve } = require('./serve')

// A socket as the pair of source and sink that the module wants.
const duplex = (socket) => ({
  source: socket,
  sink: async (source) => {
    for await (const chunk of source) socket.write(Buffer.from(chunk.slice()))
    socket.end()
  }
})

const collect = async (source) => {
  const chunks = []
  for await (const chunk of source) chunks.push(Buffer.from(chunk.slice()))
  return Buffer.concat(chunks).toString('hex')
}

const connect = (port) => new Promise((resolve, reject) => {
  const socket = net.connect(port, '127.0.0.1', () => resolve(socket))
  socket.on('error', reject)
})

serve({
  // Answers on every connection with these protocols, and echoes.
  listen: ({ protocols }) => new Promise((resolve) => {
    const server = net.createServer(async (socket) => {
      socket.on('error', () => {})
      try {
        const { stream, protocol } = await new MSS.Listener(duplex(socket)).handle(protocols)
        emit('selected', protocol)
        await stream.sink(stream.source)
      } catch (error) {
        emit('failed', String(error))
      }
    }).listen(0, '127.0.0.1', () => resolve({ port: server.address().port }))
  }),
  // Proposes protocols, sends bytes over what was agreed on, and returns what came back.
  dial: async ({ port, protocols, hex }) => {
    const socket = await connect(port)
    const { stream, protocol } = await new MSS.Dialer(duplex(socket)).select(protocols)
      .catch((error) => { socket.destroy(); throw error })
    const answer = collect(stream.source)
    await stream.sink((async function * () { yield Buffer.from(hex, 'hex') })())
    return { protocol, answer: await answer }
  },
  list: async ({ port }) => {
    const socket = await connect(port)
    const names = await new MSS.Dialer(duplex(socket)).ls()
    socket.destroy()
    return names
  }
})
