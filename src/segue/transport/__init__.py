"""The network, behind one protocol."""
