"""The classify role: which genre a request asks for, in which language, and whether it is safe."""
