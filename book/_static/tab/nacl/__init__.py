"""What the handbook uses of PyNaCl, in a browser: the same calls, over libsodium's WebAssembly."""
