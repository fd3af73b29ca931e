"""A language model on this machine as a target: a GGUF file, run by llama.cpp in a separate process (extra `local`)."""
