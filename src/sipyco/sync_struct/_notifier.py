"""A structure whose changes are told."""

import copy
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any, Protocol, runtime_checkable

from sipyco._wire.mods import ModAction, make_mod, process_mod

__all__ = ["Notifier", "Preparing"]

Mod = dict[str, Any]

_MISSING = object()


@runtime_checkable
class Preparing(Protocol):
    """A ``publish`` that can look at a mod before the structure is changed."""

    def prepare(self, mod: Mod) -> Callable[[], None]:
        """Check and encode a mod. What is returned publishes it."""


class Notifier:
    """Wraps a structure of lists and dicts; changes made through it are published.

    It is indexed like the structure, and what indexing gives is a Notifier again:
    ``n["counts"][0] = 5``. Besides items, the ordinary methods that change lists and dicts are
    there; each is published as the primitive mods that say the same. Methods that are not there
    raise AttributeError rather than change only this side's copy.

    Changes may be made from any thread. What is published is what was set: an object that is
    changed later, other than through the Notifier, is not published again.

    Args:
        backing_struct: The structure. Read it through ``raw_view``, and leave changing it to the
            Notifier.
        root: Of a nested structure, the Notifier of the whole.
        path: Of a nested structure, the keys and indices that lead to it.

    Attributes:
        publish: Called with each mod, a dict, after the change; None while nobody listens. A
            Publisher sets it; programs may set a function of their own.
        raw_view: The structure itself, to be read only.
    """

    __module__ = "sipyco.sync_struct"

    publish: Callable[[Mod], Any] | None

    def __init__(
        self, backing_struct: Any, root: "Notifier | None" = None, path: Iterable[Any] = ()
    ) -> None:
        self._backing_struct = backing_struct
        self._path = list(path)
        if root is None:
            self.root = self
            self.publish = None
            self.lock = threading.RLock()
        else:
            self.root = root
            self.lock = root.lock

    @property
    def raw_view(self) -> Any:
        """The structure itself."""
        return self._backing_struct

    @property
    def read(self) -> Any:
        """Another name of ``raw_view``."""
        return self._backing_struct

    # Reading

    def __getitem__(self, key: Any) -> "Notifier":
        return Notifier(self._backing_struct[key], self.root, [*self._path, key])

    def __len__(self) -> int:
        return len(self._backing_struct)

    def __contains__(self, item: object) -> bool:
        return item in self._backing_struct

    def __iter__(self) -> Iterator[Any]:
        return iter(self._backing_struct)

    def __repr__(self) -> str:
        return f"Notifier({self._backing_struct!r})"

    # The primitive changes

    def append(self, x: Any) -> None:
        """Append to a list."""
        self._change(ModAction.append, x=_plain(x))

    def insert(self, i: int, x: Any) -> None:
        """Insert into a list before index ``i``."""
        self._change(ModAction.insert, i=i, x=_plain(x))

    def pop(self, i: Any = -1, default: Any = _MISSING) -> Any:
        """Remove the element at an index of a list, or a key of a dict, and return it.

        What is returned is not wrapped: changes of it are not published.
        """
        with self.lock:
            if not self._is_dict():
                popped = self._backing_struct[i]
                self._change(ModAction.pop, i=i)
                return popped
            if i not in self._backing_struct and default is not _MISSING:
                return default
            popped = self._backing_struct[i]
            del self[i]
            return popped

    def __setitem__(self, key: Any, value: Any) -> None:
        # After `n["a"] += [1]` Python also assigns the result, which is n["a"] itself.
        if isinstance(value, Notifier):
            if value.root is self.root and value._path == [*self._path, key]:
                return
            value = _plain(value)
        self._change(ModAction.setitem, key=key, value=value)

    def __delitem__(self, key: Any) -> None:
        self._change(ModAction.delitem, key=key)

    # Changes that consist of these

    def extend(self, values: Iterable[Any]) -> None:
        """Append several values to a list."""
        with self.lock:
            for value in list(values):
                self.append(value)

    def remove(self, x: Any) -> None:
        """Remove the first element of a list that equals ``x``."""
        with self.lock:
            self.pop(self._backing_struct.index(x))

    def clear(self) -> None:
        """Remove everything."""
        with self.lock:
            if self._is_dict():
                for key in list(self._backing_struct):
                    del self[key]
                return
            for _ in range(len(self._backing_struct)):
                self.pop()

    def sort(self, *, key: Callable[[Any], Any] | None = None, reverse: bool = False) -> None:
        """Sort a list."""
        with self.lock:
            self._replace_elements(sorted(self._backing_struct, key=key, reverse=reverse))

    def reverse(self) -> None:
        """Reverse a list."""
        with self.lock:
            self._replace_elements(self._backing_struct[::-1])

    def update(self, *others: Mapping[Any, Any] | Iterable[tuple[Any, Any]], **items: Any) -> None:
        """Set several items of a dict."""
        with self.lock:
            for key, value in dict(*others, **items).items():
                self[key] = value

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Set an item of a dict unless it is there, and return what is there then."""
        with self.lock:
            if key not in self._backing_struct:
                self[key] = default
            return self._backing_struct[key]

    def popitem(self) -> tuple[Any, Any]:
        """Remove the last item of a dict and return its key and value."""
        with self.lock:
            if not self._backing_struct:
                raise KeyError("popitem(): the dict is empty")
            key = next(reversed(self._backing_struct))
            return key, self.pop(key)

    def __iadd__(self, other: Any) -> Any:
        if isinstance(self._backing_struct, list):
            self.extend(other)
            return self
        return self._backing_struct + other

    def __isub__(self, other: Any) -> Any:
        return self._backing_struct - other

    def __imul__(self, other: Any) -> Any:
        return self._backing_struct * other

    def __itruediv__(self, other: Any) -> Any:
        return self._backing_struct / other

    def __ior__(self, other: Any) -> Any:
        if self._is_dict():
            self.update(other)
            return self
        return self._backing_struct | other

    def __iand__(self, other: Any) -> Any:
        return self._backing_struct & other

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and hasattr(self._backing_struct, name):
            raise AttributeError(
                f"Notifier has no {name!r}: it could not publish what that changes; to read, use "
                f"raw_view.{name}, to change, assign items"
            )
        raise AttributeError(f"'Notifier' object has no attribute {name!r}")

    def _is_dict(self) -> bool:
        return isinstance(self._backing_struct, MutableMapping)

    def _replace_elements(self, values: list[Any]) -> None:
        for index, (old, new) in enumerate(zip(list(self._backing_struct), values, strict=True)):
            if old is not new:
                self[index] = new

    def _change(self, action: ModAction, **fields: Any) -> None:
        mod = make_mod(action, self._path, **fields)
        here = {**mod, "path": []}
        with self.lock:
            publish = self.root.publish
            if isinstance(publish, Preparing):
                # Before the change: a value that cannot be encoded must change nothing.
                commit = publish.prepare(mod)
                process_mod(self._backing_struct, here)
                commit()
                return
            process_mod(self._backing_struct, here)
            if publish is not None:
                publish(mod)


def _plain(value: Any) -> Any:
    # A part of a structure that is put elsewhere must not be shared between the two places: a
    # change of one would change both here, but not at the subscribers.
    return copy.deepcopy(value._backing_struct) if isinstance(value, Notifier) else value
