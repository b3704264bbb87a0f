"""A stream that is split: branches by predicates, a record goes to the first that is true."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, overload

from ottla.streams.builder.graph import ProcessorNode
from ottla.streams.builder.kinds import Kind
from ottla.streams.builder.signatures import AskedOfRecord, AskedOfValue
from ottla.streams.builder.specs import checked_name, shown
from ottla.streams.errors import TopologyError
from ottla.streams.plan import operators as plan
from ottla.streams.plan.callables import check_plain
from ottla.streams.plan.functions import Function
from ottla.streams.variables import K, S, V

if TYPE_CHECKING:
    from ottla.streams.builder.stream import KStream


class NoSuchBranch(TopologyError, KeyError):
    """A branch is asked for by a name that none has; the text says what names there are."""

    __str__ = Exception.__str__  # and not KeyError's, which quotes it


class Branches(dict[str, S], Generic[S]):
    """Streams by their branches' names."""

    def __missing__(self, name: object) -> S:
        raise NoSuchBranch(
            f"there is no branch {shown(name)}: there is {', '.join(self) or 'none'}",
            hint='a branch is called by the name= of split() and its own: split(name="s-")'
            '.branch(…, name="a") makes "s-a"; one with to= is not among them',
        )


class Split(Kind, Generic[K, V, S]):
    """Branches of a stream, gathered until `default` or `no_default` gives them by name.

    A name in that dict is the split's and the branch's: `split(name="s-")` and `branch(...,
    name="a")` give "s-a". Branches without a name are counted from 1, and the default is 0.

    `S` is what stands in that dict: streams as the one that is split, until a branch goes
    `through` a function, which may give a stream of any keys and values.
    """

    words = "a split stream"

    def __init__(self, source: KStream[K, V], name: str | None) -> None:
        self._source = source
        self._name = source._building.name(name, "KSTREAM-BRANCH-")
        self._predicates: list[Function] = []
        self._branches: Branches[Any] = Branches()
        self._node = ProcessorNode(
            self._name, operator=lambda: plan.Branch(tuple(self._predicates))
        )
        source._building.graph.add(source._node, self._node)

    if not TYPE_CHECKING:  # type checkers know that it is none

        def __getitem__(self, name: object) -> Any:
            raise TopologyError(
                f"a split stream does not give the branch {shown(name)} before it has all",
                hint="end it with .default() or .no_default(), which give the branches by name",
            )

    @overload
    def branch(
        self, predicate: AskedOfValue[V], *, name: str | None = None,
        to: Callable[[KStream[K, V]], object] | None = None,
    ) -> Split[K, V, S]: ...  # fmt: skip

    @overload
    def branch(
        self, predicate: AskedOfRecord[K, V], *, name: str | None = None,
        to: Callable[[KStream[K, V]], object] | None = None,
    ) -> Split[K, V, S]: ...  # fmt: skip

    @overload
    def branch(
        self, predicate: AskedOfValue[V], *, name: str | None = None,
        through: Callable[[KStream[K, V]], KStream[Any, Any] | None],
    ) -> Split[K, V, KStream[Any, Any]]: ...  # fmt: skip

    @overload
    def branch(
        self, predicate: AskedOfRecord[K, V], *, name: str | None = None,
        through: Callable[[KStream[K, V]], KStream[Any, Any] | None],
    ) -> Split[K, V, KStream[Any, Any]]: ...  # fmt: skip

    def branch(
        self, predicate: Any, *, name: str | None = None, through: Any = None, to: Any = None
    ) -> Split[K, V, Any]:
        """Records for which the predicate is true and that no branch before took.

        `through` gives the stream that stands in the result; with `to` none does.
        """
        values = self._source._value
        self._predicates.append(Function.of_record(predicate, what="branch", values=values))
        self._add(name, len(self._predicates), through, to)
        return self

    @overload
    def default(
        self, *, name: str | None = None, to: Callable[[KStream[K, V]], object] | None = None
    ) -> dict[str, S]: ...  # fmt: skip

    @overload
    def default(
        self, *, name: str | None = None,
        through: Callable[[KStream[K, V]], KStream[Any, Any] | None],
    ) -> dict[str, KStream[Any, Any]]: ...  # fmt: skip

    def default(
        self, *, name: str | None = None, through: Any = None, to: Any = None
    ) -> dict[str, Any]:
        """All branches by name, the last one of what no predicate took."""
        self._add(name, 0, through, to)
        return self._branches

    def no_default(self) -> dict[str, S]:
        """All branches by name; what no predicate took is dropped."""
        return self._branches

    def _add(self, name: str | None, number: int, through: Any, to: Any) -> None:
        source = self._source
        full = self._name + (str(number) if name is None else name)
        source._building.new_name(checked_name(full))
        node = ProcessorNode(full)
        source._building.graph.add(self._node, node)
        if through is not None and to is not None:
            raise TopologyError(
                f"the branch {full} goes through one function and to another",
                hint="call the other in the first, or give one of through= and to=",
            )
        for given, word in ((through, "through="), (to, "to=")):
            check_plain(given, f"{word} of the branch {full}")
        branch = source._derived(full, node, source._key, source._value, rekeyed=source._rekeyed)
        if through is not None:
            made = through(branch)
            if not (made is None or isinstance(made, type(source))):
                raise TopologyError(
                    f"through= of the branch {full} gave {shown(made)}, which is no stream",
                    hint="return the stream that is to stand in the result, or None",
                )
            if made is not None:
                self._branches[full] = made
        elif to is not None:
            to(branch)
        else:
            self._branches[full] = branch
