"""`ottla completion`: what makes a shell complete verbs, options, topics and groups at TAB."""

from __future__ import annotations

import click

from ottla.cli.verb.grammar import verb

SHELLS = ("bash", "zsh", "fish")


@verb(
    "completion",
    "TAB for bash, zsh and fish: verbs, options, topics, groups",
    ("bash, from now on", "ottla completion bash >> ~/.bashrc"),
    ("zsh, from now on", "ottla completion zsh >> ~/.zshrc"),
    ("fish, from now on", "ottla completion fish > ~/.config/fish/completions/ottla.fish"),
    ("in this shell alone", 'eval "$(ottla completion bash)"'),
)
@click.argument("shell", type=click.Choice(SHELLS))
def VERB(shell: str) -> None:
    """Print the script."""
    from click.shell_completion import get_completion_class

    from ottla.cli.verb.app import APP, COMPLETE

    kind = get_completion_class(shell)
    assert kind is not None
    made = kind(APP, {}, "ottla", COMPLETE)
    print(made.source_template % made.source_vars())
