import copy
import pickle

import pytest

from sipyco import pc_rpc, pyon, tools

EXAMPLES: list[BaseException] = [
    pc_rpc.ConnectionLost("the connection is gone"),
    pc_rpc.IncompatibleServer("it is"),
    pc_rpc.MessageTooLargeError("a request", 12, 10),
    pc_rpc.GenericRemoteException("lab.Error: broken"),
    pyon.DecodeError("nothing", "[", 1),
    pyon.InvalidValueError("no such value", "F(1)", None),
    pyon.EncodeError(("a", 1), set, "no spelling", relation="a key of "),
    tools.TLSError("no certificate"),
]


def test_there_is_an_example_of_every_public_exception() -> None:
    public = [vars(module)[name] for module in (pc_rpc, pyon, tools) for name in module.__all__]
    exceptions = {x for x in public if isinstance(x, type) and issubclass(x, BaseException)}
    assert exceptions == set(map(type, EXAMPLES))


# An error passes from a worker process to its parent as a pickle.
@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_exception_survives_pickle_and_copy(error: BaseException) -> None:
    error = copy.copy(error)
    error.add_note("while reading 'x.pyon'")
    copies = [pickle.loads(pickle.dumps(error, protocol)) for protocol in range(6)]
    for other in (*copies, copy.copy(error), copy.deepcopy(error)):
        assert type(other) is type(error)
        assert (str(other), other.args, vars(other)) == (str(error), error.args, vars(error))
