"""The `ottla` verb: one file a verb, in words for people.

`app.py` finds the file that a word means, `grammar.py` is how verbs are parsed and what `--help`
prints (on click), `reach.py` which cluster is meant and as whom, `shown.py` how rows are shown:
drawn on a terminal, plain in a pipe, as JSON for scripts. Apache's tools are next door, in
`ottla.cli`: their options, columns and exit codes are Apache's, and nothing here follows them.
"""
