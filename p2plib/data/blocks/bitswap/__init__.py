"""Bitswap: peers that tell each other which blocks they want, and send those that they have.

messages   the protocol's one message, with what versions 1.0, 1.1 and 1.2 put into it. A codec
events     what happens, and what an exchange may cost
remote     what is known of one peer: how fast it is, what it owes, what it did wrong
sessions   which blocks belong together, and who sent some of them
want_list  what we want, and in which order
copies     how often a block may come twice: a budget
wants      which peer is asked for which block, and when the next one is. A machine
serving    what peers want of us, and what they get in which order. A machine
machine    both sides of an exchange with any number of peers
partners   the peers of a driver, their connections and streams
requests   who waits for which block, and what they are told
driver     an exchange over the connections of a libp2p node
graphs     fetching all blocks that hang together
"""
