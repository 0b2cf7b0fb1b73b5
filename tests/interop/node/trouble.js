// A peer that misbehaves on request: what the harness must stand.
'use strict'
const { spawn } = require('node:child_process')
const dgram = require('node:dgram')
const dns = require('node:dns')
const net = require('node:net')
const { emit, serve } = require('./serve')

const failure = (promise) => promise.then(() => 'no error', (error) => error.code)

const connect = ({ host, port }) => new Promise((resolve, reject) => {
  const socket = net.connect({ host, port }, () => { socket.destroy(); resolve() })
  socket.on('error', reject)
})

const datagram = ({ host, port }) => new Promise((resolve, reject) => {
  const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4')
  socket.on('error', reject)
  socket.send('x', port, host, (error) => { socket.close(); error ? reject(error) : resolve() })
})

serve({
  echo: (given) => given,
  interfaces: () => Object.keys(require('node:os').networkInterfaces()),
  connect: (to) => failure(connect(to)),
  datagram: (to) => failure(datagram(to)),
  lookup: ({ host }) => failure(dns.promises.resolve4(host)),
  throw: ({ text }) => { throw new Error(text) },
  print: ({ text }) => { console.log(text); return 'printed' },
  tell: ({ events }) => { for (const event of events) emit('told', event); return events.length },
  garbage: () => { require('node:fs').writeSync(1, 'this is not JSON\n') },
  hang: () => new Promise(() => {}),
  freeze: () => { for (;;); }, // not even the end of its input is seen
  crash: () => { console.error('the reason for the crash'); process.exit(3) },
  // A grandchild in its own session, which ignores every polite signal and outlives its parent.
  haunt: ({ token }) => {
    const ghost = 'for (const s of ["SIGTERM", "SIGHUP"]) process.on(s, () => {}); setInterval(() => {}, 1000)'
    spawn(process.execPath, ['-e', ghost, token], { detached: true, stdio: 'ignore' }).unref()
  }
})
