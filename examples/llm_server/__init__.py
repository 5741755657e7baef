"""A small LLM server with continuous batching, as real processes, traced by the real SDK.

Start it by `python -m examples.llm_server`, beside `rootspan up`.
"""
