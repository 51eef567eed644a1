"""What is said of the package: docstrings, stubs, the guide."""

import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import pvdamp

ROOT = Path(__file__).parents[2]
MODULES = [name for _, name, _ in pkgutil.iter_modules(pvdamp.__path__) if name not in ("__main__", "_pvdamp")]
NAMES = {name: getattr(pvdamp, name) for name in pvdamp.__all__}
PUBLIC = {f"pvdamp.{name}": thing for name, thing in NAMES.items() if callable(thing)} | {
    f"pvdamp.{module}.{name}": getattr(getattr(pvdamp, module), name)
    for module in ("metrics", "sampling", "wavelet")
    for name in getattr(pvdamp, module).__all__
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["", *MODULES])
def test_doctests(name):
    module = importlib.import_module(f"pvdamp.{name}" if name else "pvdamp")
    # the built-in open but where the package's own is shown
    shown = {key: value for key, value in NAMES.items() if key != "open" or name == "_scan"}
    done = doctest.testmod(module, extraglobs=shown, optionflags=doctest.ELLIPSIS)
    assert done.failed == 0


def test_examples_are_there():
    assert sum(">>>" in (inspect.getdoc(thing) or "") for thing in PUBLIC.values()) > 20


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_documented(name):
    thing = PUBLIC[name]
    text = inspect.getdoc(thing) or ""
    assert text.split("\n")[0].rstrip().endswith((".", "NumPy out."))
    if inspect.isclass(thing):
        methods = [
            member for key, member in vars(thing).items() if inspect.isfunction(member) and not key.startswith("_")
        ]
        assert all(inspect.getdoc(method) for method in methods)
        return
    parameters = list(inspect.signature(thing).parameters)
    if parameters:
        assert "Parameters\n----------" in text and "Returns\n-------" in text
        section = text.split("Parameters\n----------\n")[1].split("\n\n")[0]
        named = re.findall(r"^(\S.*)$", section, re.M)
        told = [word.strip() for line in named for word in line.split(",")]
        assert told == parameters


def test_the_stub_names_what_the_module_has():
    from pvdamp import _pvdamp

    stub = (Path(pvdamp.__file__).parent / "_pvdamp.pyi").read_text()
    functions = set(re.findall(r"^def (\w+)", stub, re.M)) | set(re.findall(r"^class (\w+)", stub, re.M))
    assert functions == {name for name in dir(_pvdamp) if not name.startswith("_")}
    for name in ("Encoding", "Scan", "ImageFile"):
        body = stub.split(f"class {name}:")[1].split("\nclass ")[0]
        members = set(re.findall(r"^    def (\w+)", body, re.M)) - {"__init__"}
        assert members == {member for member in dir(getattr(_pvdamp, name)) if not member.startswith("_")}


def test_the_package_has_types():
    assert (Path(pvdamp.__file__).parent / "py.typed").exists()


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_code_of_the_documentation_runs(page, tmp_path, monkeypatch):
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S)
    assert blocks
    monkeypatch.chdir(tmp_path)
    exec(compile("\n".join(blocks), page, "exec"), {"__name__": page})
