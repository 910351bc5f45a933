"""Makes the documentation site (`make docs`): pages of the repository, and pages made of its data.

`pages` says which file of the repository is which page, `markdown` rewrites text for MkDocs,
`commands`, `codes` and `python_api` make pages from the program and the specification, `links`
checks what was built. Only `hooks` is about MkDocs itself.
"""
