"""PYON: Python values as text, and back, exactly.

One model of data in two spellings: the syntax of Python literals, which people can read and
write, and JSON, which other languages can. Decoding never executes anything.
"""

from sipyco.pyon._codec import Syntax, decode, encode, wrap
from sipyco.pyon._errors import DecodeError, EncodeError, InvalidValueError
from sipyco.pyon._files import load_file, store_file
from sipyco.pyon._registry import deregister, register

__all__ = [
    "DecodeError",
    "EncodeError",
    "InvalidValueError",
    "Syntax",
    "decode",
    "deregister",
    "encode",
    "load_file",
    "register",
    "store_file",
    "wrap",
]

_numpy_scalar = {
    *("bool_", "bytes_", "str_", "void", "datetime64", "timedelta64"),
    *("int8", "int16", "int32", "int64", "longlong"),
    *("uint8", "uint16", "uint32", "uint64", "ulonglong"),
    *("float16", "float32", "float64", "longdouble"),
    *("complex64", "complex128", "clongdouble"),
}
"""Names in numpy of the scalars that PYON carries. Programs iterate over it."""

for _function in (encode, decode, wrap, load_file, store_file, register, deregister):
    # Qualified names travel on the wire and show in tracebacks: they are the public ones.
    _function.__module__ = __name__
del _function
