"""What `ottla schemas` does, without a command line: files read, registries listed and copied.

`files` and `faults` are schemas as somebody wrote them, `levels` and `reasons` whether one may come
after others, `catalogue` what a registry has, `archive`, `exporting` and `importing` a registry as
a folder. Nothing here prints.
"""
