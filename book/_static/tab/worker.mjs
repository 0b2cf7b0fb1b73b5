// Runs a page's cells in a reader's tab: a module worker with Python in it. Nothing comes from another host.
//
// The page asks, and each answer comes before the next question is looked at:
//   {type: 'start', base}                 progress..., then ready or failed    base: the address of this folder
//   {type: 'open', notebook, page, kept}  opened      notebook: its JSON, as text; kept: the files of my_peer
//   {type: 'run', id, source, force}      result      force: run a cell that lacks something all the same
//   {type: 'redraw', figure, values}      frame
// Whoever wants to stop a cell ends the worker and starts another one.

const PYTHON = [
  'needs.py', 'runner.py', 'filled_in.py',
  'nacl/__init__.py', 'nacl/exceptions.py', 'nacl/bindings.py', 'nacl/signing.py'
]
const HERE = '/home/pyodide/tab'
const OTHERS = { 'mnemonic.zip': HERE, 'beside.zip': `${HERE}/beside` } // archives beside the library's

let python = null
let runner = null

const say = (message) => self.postMessage(message)

// Counts what comes in, for the page's progress bar. Pyodide fetches its own parts: they are counted by the way.
class Download {
  constructor (base, sizes) {
    this.pieces = `${base}pieces/`
    this.sizes = sizes
    this.total = Object.values(sizes).reduce((sum, size) => sum + size, 0)
    this.done = 0
    this.fetch = self.fetch.bind(self)
    self.fetch = (request, options) => this.counted(request, options)
  }

  tell (step) {
    say({ type: 'progress', step, done: Math.min(this.done, this.total), total: this.total })
  }

  arrived (name) { // by a road that cannot be watched: an import
    this.done += this.sizes[name] ?? 0
    this.tell('downloading Python')
  }

  async counted (request, options) {
    const url = String(request.url ?? request)
    const response = await this.fetch(request, options)
    if (!url.startsWith(this.pieces) || !response.ok || !response.body) return response
    let told = performance.now()
    const count = new TransformStream({
      transform: (chunk, controller) => {
        this.done += chunk.byteLength
        if (performance.now() - told > 100) {
          told = performance.now()
          this.tell('downloading Python')
        }
        controller.enqueue(chunk)
      }
    })
    const type = url.endsWith('.wasm') ? 'application/wasm' : response.headers.get('Content-Type')
    const headers = type ? { 'Content-Type': type } : {}
    return new Response(response.body.pipeThrough(count), { status: response.status, headers })
  }

  end () {
    self.fetch = this.fetch
  }
}

async function got (url) {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url} is not there (${response.status})`)
  return response
}

async function start (base) {
  const sizes = await (await got(`${base}pieces/pieces.json`)).json()
  const download = new Download(base, sizes)
  download.tell('downloading Python')
  const archives = Object.keys(sizes).filter((name) => name.endsWith('.whl') || name in OTHERS)
  const [engine, , packed, own] = await Promise.all([
    loadPython(base, download),
    loadSodium(base, download),
    Promise.all(archives.map(async (name) => (await got(`${base}pieces/${name}`)).arrayBuffer())),
    Promise.all(PYTHON.map(async (name) => (await got(base + name)).text()))
  ])
  download.done = download.total
  download.tell('starting Python')
  python = engine
  archives.forEach((name, at) => {
    python.unpackArchive(packed[at], 'zip', { extractDir: OTHERS[name] ?? HERE })
  })
  python.FS.mkdirTree(`${HERE}/nacl`)
  PYTHON.forEach((name, at) => python.FS.writeFile(`${HERE}/${name}`, own[at]))
  python.runPython(`import sys\nsys.dont_write_bytecode = True\nsys.path.insert(0, "${HERE}")`)
  python.runPython('import filled_in\nfilled_in.put_in()')
  runner = python.pyimport('runner')
  download.end()
}

async function loadPython (base, download) {
  const [{ loadPyodide }] = await Promise.all([
    import(`${base}pieces/pyodide.mjs`),
    import(`${base}pieces/pyodide.asm.js`).then(() => download.arrived('pyodide.asm.js'))
  ])
  download.arrived('pyodide.mjs')
  const indexURL = `${base}pieces/`
  return loadPyodide({ indexURL, packageBaseUrl: indexURL, stdout: () => {}, stderr: () => {} })
}

async function loadSodium (base, download) {
  const { default: sodium } = await import(`${base}pieces/libsodium-wrappers.mjs`)
  await sodium.ready
  download.arrived('libsodium-wrappers.mjs')
  download.arrived('libsodium-sumo.mjs')
  self.sodium = sodium
}

const ANSWERS = {
  async start ({ base }) {
    await start(base)
    return { type: 'ready' }
  },
  async open ({ notebook, page = '', kept = {} }) {
    return { type: 'opened', cells: JSON.parse(runner.open_notebook(notebook, page, JSON.stringify(kept))) }
  },
  async run ({ id, source, force }) {
    return { type: 'result', id, ...JSON.parse(await runner.run(id, source, Boolean(force))) }
  },
  async redraw ({ figure, values }) {
    return { type: 'frame', figure, ...JSON.parse(runner.redraw(figure, JSON.stringify(values))) }
  }
}

let turn = Promise.resolve()

self.onmessage = ({ data }) => {
  turn = turn.then(async () => {
    try {
      say(await ANSWERS[data.type](data))
    } catch (error) { // not what a cell raises: that is a result. Python itself is gone, or never came.
      const why = String(error.message ?? error).trim().split('\n').pop()
      const what = runner ? 'Python stopped in this tab' : 'Python could not be started in this tab'
      say({ type: 'failed', sentence: `${what} (${why}).` })
    }
  })
}
