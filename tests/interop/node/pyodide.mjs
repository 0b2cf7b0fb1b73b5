// Python as a browser has it: Pyodide, which is CPython in WebAssembly, with this project in its file system.
//
// All of it comes from node_modules. It has no threads, no ssl, and no network.
import { fileURLToPath } from 'node:url'
import { loadPyodide } from 'pyodide'
import { serve } from './serve.js'

const PROJECT = fileURLToPath(new URL('../../..', import.meta.url))

const python = await loadPyodide({ stdout: (text) => console.error(text) })
python.FS.mkdir('/project')
python.FS.mount(python.FS.filesystems.NODEFS, { root: PROJECT }, '/project')
python.runPython(`
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, "/project")
`)

serve({
  // Run a program in Pyodide's own event loop, as a notebook's cell. Its last line is an expression: a string.
  run: async ({ program }) => await python.runPythonAsync(program)
})
