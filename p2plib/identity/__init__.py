"""Identity: who a peer is when nobody hands out accounts.

A peer is a key pair that it made itself. `keys` makes, signs and verifies; `ids` writes one key in the six
forms that real systems use, and `foreign_keys` reads keys of the kinds that only others have; `keyfile`,
`ssb_secret` and `mnemonic` keep the secret half; `proquint`, `names` and `zooko` bring keys back to people;
`sealed` writes to some of them and to nobody else; `odds` says how sure we may be that no two peers picked
the same number.
"""
