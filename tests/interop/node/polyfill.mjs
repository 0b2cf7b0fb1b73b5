// Node 20 does not have Promise.withResolvers yet, and js-libp2p 3 calls it. Import this before it.
Promise.withResolvers ??= function () {
  let resolve
  let reject
  const promise = new this((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
