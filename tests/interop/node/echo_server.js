// A TCP server that sends back what it gets: the smallest peer that listens on a socket in the namespace.
'use strict'
const net = require('node:net')
const { emit, serve } = require('./serve')

const server = net.createServer((socket) => {
  emit('connection', socket.remoteAddress)
  socket.on('error', () => {})
  socket.pipe(socket)
})

serve({
  listen: () => new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve({ port: server.address().port }))
  })
})
