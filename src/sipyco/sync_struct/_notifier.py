"""A structure whose changes are told."""

import copy
import operator
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, Self

from sipyco._wire.mods import ModAction, make_mod, process_mod
from sipyco.sync_struct._copies import own, separate, try_assignment

__all__ = ["Mod", "Notifier"]

Mod = dict[str, Any]

_MISSING = object()


class Notifier:
    """Wraps a structure of lists and dicts; changes made through it are published.

    It is indexed like the structure, and what indexing gives is a Notifier again, of that place
    in the structure, whatever is there in the moment: ``n["counts"][0] = 5``. Besides items, the
    ordinary methods and operators that change lists and dicts are there; each is published as the
    primitive mods that say the same. Methods that are not there raise AttributeError rather than
    change only this side's copy.

    A change that raises has changed and published nothing; this includes values that cannot be
    encoded, if there is a Publisher. Changes may be made from any thread. What is set is a copy:
    an object that is changed later, or was set in two places, is not changed here unnoticed. A
    Notifier counts as true, whatever it wraps.

    Args:
        backing_struct: The structure. Read it through ``raw_view``, and leave changing it to the
            Notifier. A list or dict that is in it twice becomes two.
        root: Of a nested structure, the Notifier of the whole.
        path: Of a nested structure, the keys and indices that lead to it from there.

    Attributes:
        publish: Called with each mod, a dict, after the change; None while nobody listens. A
            Publisher sets it; programs may set a function of their own. Only the one of the
            whole structure counts.
        lock: Held during each change, reentrant. Hold it to make or to see several changes as one.
        revision: How many changes were made, for the whole structure.
    """

    __module__ = "sipyco.sync_struct"

    publish: Callable[[Mod], Any] | None

    def __init__(
        self,
        backing_struct: Any,
        root: "Notifier | None" = None,
        path: Sequence[Any] = [],  # the manual's; it is never changed
    ) -> None:
        self._path = tuple(path)
        if root is None:
            self.root = self
            separate(backing_struct)
            self._whole = backing_struct
            self.publish = None
            self.lock = threading.RLock()
            self.revision = 0
        else:
            self.root = root
            self.lock = root.lock

    @property
    def raw_view(self) -> Any:
        """The structure itself, to be read only."""
        # Looked up every time: were the object kept, a change made through this Notifier after
        # another one (or another thread) has replaced it would be made here to what is gone, and
        # at the subscribers, who are told only the path, to what is there.
        found = self.root._whole
        for step in self._path:
            found = found[step]
        return found

    @property
    def read(self) -> Any:
        """Another name of ``raw_view``."""
        return self.raw_view

    # Reading

    def __getitem__(self, key: Any) -> "Notifier":
        with self.lock:
            self.raw_view[key]  # raises what indexing raises
        return Notifier(None, self.root, (*self._path, key))

    def __len__(self) -> int:
        return len(self.raw_view)

    def __bool__(self) -> bool:
        # Programs ask in this way whether they have a Notifier; an empty one must not be none.
        return True

    def __contains__(self, item: object) -> bool:
        return item in self.raw_view

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the keys of a dict, or over the elements of a list as Notifiers."""
        # Elements as they are would invite changes that nobody is told of.
        return iter(self.raw_view) if self._is_dict() else (self[i] for i in range(len(self)))

    def __eq__(self, other: object) -> Any:
        """Compare what is wrapped with a value. Two Notifiers are equal if they are the same."""
        return self is other if isinstance(other, Notifier) else self.raw_view == other

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"Notifier({self.raw_view!r})"

    # The primitive changes

    def append(self, x: Any) -> None:
        """Append to a list."""
        self._change(self._mod(ModAction.append, x=own(x)))

    def insert(self, i: int, x: Any) -> None:
        """Insert into a list before index ``i``."""
        self._change(self._mod(ModAction.insert, i=i, x=own(x)))

    def pop(self, i: Any = -1, default: Any = _MISSING) -> Any:
        """Remove the element at an index of a list, or a key of a dict, and return it.

        What is returned is not wrapped: changes of it are not published.

        Args:
            i: The index, or the key.
            default: Of a dict, what to return when the key is not there.
        """
        with self.lock:
            current = self.raw_view
            if self._is_dict():
                if i not in current and default is not _MISSING:
                    return default
                popped = current[i]
                del self[i]
            else:
                popped = current[i]
                self._change(self._mod(ModAction.pop, i=i))
            return popped

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(value, Notifier) and value._is_at(self, key):
            return  # the end of `n[key] += ...`: Python assigns what __iadd__ has returned
        if isinstance(key, slice) and isinstance(self.raw_view, list):
            value = list(value)  # once: it may be an iterator, or a set without order
        value = own(value)  # not below the lock: it may need that of another Notifier
        with self.lock:
            current = self.raw_view
            if self._is_dict() and isinstance(key, float) and key != key:  # noqa: PLR0124
                raise ValueError("nan is no key: it equals nothing, so that nobody could find it")
            if hasattr(current, "dtype"):
                try_assignment(current[key], value)
            self._change(self._mod(ModAction.setitem, key=key, value=value))

    def __delitem__(self, key: Any) -> None:
        self._change(self._mod(ModAction.delitem, key=key))

    # Changes that consist of these

    def extend(self, values: Iterable[Any]) -> None:
        """Append several values to a list."""
        added = own(list(values))
        self._change(*[self._mod(ModAction.append, x=value) for value in added])

    def remove(self, x: Any) -> None:
        """Remove the first element of a list that equals ``x``.

        Raises:
            ValueError: There is none.
        """
        with self.lock:
            self.pop(self.raw_view.index(own(x)))

    def clear(self) -> None:
        """Remove everything."""
        with self.lock:
            if self._is_dict():
                self._change(*[self._mod(ModAction.delitem, key=key) for key in self.raw_view])
            else:
                self._change(*[self._mod(ModAction.pop, i=-1) for _ in self.raw_view])

    def sort(self, *, key: Callable[[Any], Any] | None = None, reverse: bool = False) -> None:
        """Sort a list."""
        with self.lock:
            self._need(list, "sort")
            self._rearrange(sorted(self.raw_view, key=key, reverse=reverse))

    def reverse(self) -> None:
        """Reverse a list."""
        with self.lock:
            self._need(list, "reverse")
            self._rearrange(self.raw_view[::-1])

    def update(
        self, /, *others: Mapping[Any, Any] | Iterable[tuple[Any, Any]], **items: Any
    ) -> None:
        """Set several items of a dict."""
        given = [own(other) if isinstance(other, Notifier) else other for other in others]
        new = own(dict(*given, **items))
        with self.lock:
            self._need(MutableMapping, "update")
            self._change(*[self._mod(ModAction.setitem, key=key, value=new[key]) for key in new])

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Set an item of a dict unless it is there, and return a Notifier of what is there then."""
        with self.lock:
            if key not in self.raw_view:
                self[key] = default
            return self[key]

    def popitem(self) -> tuple[Any, Any]:
        """Remove the last item of a dict and return its key and value."""
        with self.lock:
            if not self.raw_view:
                raise KeyError("popitem(): the dict is empty")
            key = next(reversed(self.raw_view))
            return key, self.pop(key)

    # Augmented assignments. The lock makes `n["count"] += 1` one change among threads.

    def __iadd__(self, other: Any) -> Self:
        if isinstance(self.raw_view, list) and not self._is_list_slice():
            self.extend(other)
            return self
        return self._become(operator.iadd, other)

    def __ior__(self, other: Any) -> Self:
        if self._is_dict():
            self.update(other)
            return self
        return self._become(operator.ior, other)

    def __isub__(self, other: Any) -> Self:
        return self._become(operator.isub, other)

    def __imul__(self, other: Any) -> Self:
        return self._become(operator.imul, other)

    def __itruediv__(self, other: Any) -> Self:
        return self._become(operator.itruediv, other)

    def __ifloordiv__(self, other: Any) -> Self:
        return self._become(operator.ifloordiv, other)

    def __imod__(self, other: Any) -> Self:
        return self._become(operator.imod, other)

    def __ipow__(self, other: Any) -> Self:
        return self._become(operator.ipow, other)

    def __imatmul__(self, other: Any) -> Self:
        return self._become(operator.imatmul, other)

    def __iand__(self, other: Any) -> Self:
        return self._become(operator.iand, other)

    def __ixor__(self, other: Any) -> Self:
        return self._become(operator.ixor, other)

    def __ilshift__(self, other: Any) -> Self:
        return self._become(operator.ilshift, other)

    def __irshift__(self, other: Any) -> Self:
        return self._become(operator.irshift, other)

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and hasattr(self.raw_view, name):
            raise AttributeError(
                f"Notifier has no {name!r}; to read, use raw_view.{name}, to change, assign items "
                "or use one of the methods that publish what they change"
            )
        raise AttributeError(f"'Notifier' object has no attribute {name!r}")

    def _become(self, operation: Callable[[Any, Any], Any], other: Any) -> Self:
        operand = own(other)
        with self.lock:
            current = self.raw_view
            # In place, as Python does it: an array keeps its dtype, or refuses.
            value = operation(copy.copy(current), operand)
            if isinstance(current, list) and not self._is_list_slice():
                self[:] = value
            elif self._path:
                *path, key = self._path
                Notifier(None, self.root, path)[key] = value
            else:
                raise TypeError("the structure as a whole cannot be replaced; change its items")
        return self

    def _is_list_slice(self) -> bool:
        """Tell whether this is a slice of a list: a copy, whose changes would be lost."""
        if not self._path or not isinstance(self._path[-1], slice):
            return False
        return isinstance(Notifier(None, self.root, self._path[:-1]).raw_view, list)

    def _need(self, kind: type, method: str) -> None:
        if not isinstance(self.raw_view, kind):
            name = type(self.raw_view).__name__
            raise AttributeError(f"{name!r} has no {method}() that could be published")

    def _is_dict(self) -> bool:
        return isinstance(self.raw_view, MutableMapping)

    def _is_at(self, parent: "Notifier", key: Any) -> bool:
        place = (*parent._path, key)
        return (
            self.root is parent.root
            and len(self._path) == len(place)
            and all(map(_is_same_step, self._path, place))
        )

    def _rearrange(self, values: list[Any]) -> None:
        self._change(
            *[
                self._mod(ModAction.setitem, key=index, value=new)
                for index, (old, new) in enumerate(zip(self.raw_view, values, strict=True))
                if old is not new
            ]
        )

    def _mod(self, action: ModAction, **fields: Any) -> Mod:
        return make_mod(action, self._path, **fields)

    def _change(self, *mods: Mod) -> None:
        root = self.root
        with root.lock:
            if mods and self._is_list_slice():
                raise TypeError("a slice of a list is a copy of it; assign to the slice instead")
            publish = root.publish
            # A Publisher looks at the mods before anything is changed: of a value that cannot be
            # encoded, nothing must remain. It returns what publishes them.
            prepare = getattr(publish, "prepare_mod", None)
            commits = [prepare(mod) for mod in mods] if prepare else []
            for index, mod in enumerate(mods):
                process_mod(root._whole, mod)
                root.revision += 1
                if prepare:
                    commits[index]()
                elif publish is not None:
                    publish(mod)


def _is_same_step(a: Any, b: Any) -> bool:
    # By identity, since keys may be arrays, which do not compare. It is enough: Python evaluates
    # the key of an augmented assignment once, but for slices, which 3.12 and newer make twice.
    return a is b or (type(a) is type(b) is slice and a == b)
