// bittorrent-tracker 10 in both roles, over HTTP, UDP and WebSocket, on loopback.
//
// Events: "peer" for everybody that a client of ours hears of: an address, or the offer or answer of a browser.
// There is no WebRTC here. What stands in for it makes offers and answers that are texts and nothing else: a
// tracker carries them, and reads neither.
import Client, { Server } from 'bittorrent-tracker'
import { emit, serve } from './serve.js'

class Connection {
  constructor () {
    Object.assign(this, { signalingState: 'stable', iceConnectionState: 'new', iceGatheringState: 'complete' })
  }

  createDataChannel (label) { return { label, readyState: 'connecting', bufferedAmount: 0, close () {} } }
  async createOffer () { return { type: 'offer', sdp: 'an offer of npm' } }
  async createAnswer () { return { type: 'answer', sdp: 'an answer of npm' } }
  async setRemoteDescription (description) {
    this.remoteDescription = description
    emit('heard', { type: description.type, sdp: description.sdp })
  }

  async setLocalDescription (description) {
    this.localDescription = description
    setImmediate(() => this.onicecandidate?.({ candidate: null }))
  }

  async addIceCandidate () {}
  async getStats () { return [] }
  close () {}
}
class Description {
  constructor ({ type, sdp }) { Object.assign(this, { type, sdp }) }
}
const wrtc = { RTCPeerConnection: Connection, RTCSessionDescription: Description, RTCIceCandidate: Description }

const clients = new Map()
const client = ({ url, infoHash, peerId, port }) => {
  const key = url + infoHash + peerId
  if (!clients.has(key)) {
    const made = new Client({ announce: [url], infoHash, peerId, port, wrtc })
    made.setMaxListeners(0)
    clients.set(key, made)
  }
  return clients.get(key)
}

// What one announce or scrape comes to: its counts, and the peers that were named in the same breath.
const outcome = (about, event, begin) => new Promise((resolve, reject) => {
  const found = []
  const here = client(about)
  const onPeer = (peer) => {
    if (typeof peer === 'string') found.push(peer)
    else peer.on('error', () => {})
  }
  const done = () => {
    for (const name of ['peer', event, 'error', 'warning']) here.removeListener(name, listeners[name])
  }
  const failed = (error) => { done(); reject(error) }
  const listeners = {
    peer: onPeer,
    error: failed,
    warning: failed,
    [event]: (data) => setImmediate(() => {
      done()
      resolve({ complete: data.complete, incomplete: data.incomplete, downloaded: data.downloaded, interval: data.interval, infoHash: data.infoHash, peers: found })
    })
  }
  for (const name of Object.keys(listeners)) here.on(name, listeners[name])
  begin(here)
})

let server
serve({
  listen: () => new Promise((resolve) => {
    server = new Server({ http: true, udp: true, ws: true, stats: false, interval: 900000 })
    server.on('error', (error) => console.error('error', error.message))
    server.on('warning', (error) => emit('warning', error.message))
    server.listen(0, { http: '127.0.0.1', udp: '127.0.0.1', udp6: '::1' }, () =>
      resolve({ http: server.http.address().port, udp: server.udp.address().port, udp6: server.udp6.address().port }))
  }),
  start: ({ left, ...about }) => outcome(about, 'update', (here) => here.start({ left, uploaded: 0, downloaded: 0 })),
  update: ({ left, ...about }) => outcome(about, 'update', (here) => here.update({ left, uploaded: 0, downloaded: 0 })),
  complete: (about) => outcome(about, 'update', (here) => here.complete({ left: 0, uploaded: 0, downloaded: 9 })),
  stop: (about) => outcome(about, 'update', (here) => here.stop({ uploaded: 0, downloaded: 0 })),
  scrape: (about) => outcome(about, 'scrape', (here) => here.scrape())
})
