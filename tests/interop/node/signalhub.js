// npm's signalhub 4.9.0 in both roles over HTTP on loopback.
'use strict'
const http = require('node:http')
const signalhub = require('signalhub')
const signalhubServer = require('signalhub/server')
const { emit, serve } = require('./serve')

// Its heartbeat is an interval of 30 s that it makes itself; here it may be shorter, so that a test need not wait.
const realSetInterval = global.setInterval

let hub = null
const subscriptions = []

serve({
  listen: ({ heartbeatMs }) => new Promise((resolve) => {
    if (heartbeatMs) global.setInterval = (call) => realSetInterval(call, heartbeatMs)
    const server = signalhubServer()
    server.on('subscribe', (channel) => emit('subscribe', channel))
    server.on('publish', (channel) => emit('publish', channel))
    server.listen(0, '127.0.0.1', () => resolve({ port: server.address().port }))
  }),
  // Subscribes to channels at our hub; every message is an event.
  subscribe: ({ port, app, channels }) => new Promise((resolve) => {
    hub = hub || signalhub(app, [`http://127.0.0.1:${port}`])
    const stream = hub.subscribe(channels)
    subscriptions.push(stream)
    stream.on('data', (message) => emit('message', message))
    stream.on('open', () => resolve('open'))
  }),
  broadcast: ({ port, app, channel, message }) => new Promise((resolve, reject) => {
    hub = hub || signalhub(app, [`http://127.0.0.1:${port}`])
    hub.broadcast(channel, message, (error) => error ? reject(error) : resolve('taken'))
  }),
  close: () => new Promise((resolve) => hub.close(() => resolve('closed'))),
  // A request of any bytes, as Node's own client makes it.
  post: ({ port, path, body }) => new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, path, method: 'POST' }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode))
    })
    request.on('error', reject)
    request.end(body)
  })
})
