"""A training that was stopped and resumed is one that was not; a bad file changes nothing."""

import json
import pickle
import sys
import zipfile

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import data, nn, optim

pytest.importorskip("safetensors", reason="safetensors is not installed: pip install '.[io]'")
SUFFIXES = [".npz", ".safetensors"]
X = np.random.default_rng(0).normal(size=(24, 3))
Y = np.sin(X @ [[1.0], [2.0], [-1.0]])

OPTIMISERS = {
    "SGD": lambda p: optim.SGD(p, 0.05, momentum=0.9, nesterov=True),
    "Adam": lambda p: optim.Adam(p, 0.01, amsgrad=True),
    "AdamW": lambda p: optim.AdamW(p, 0.01),
    "RMSprop": lambda p: optim.RMSprop(p, 0.01, centered=True, momentum=0.5),
    "Adagrad": lambda p: optim.Adagrad(p, 0.1, lr_decay=0.01),
}


def start(kind="Adam", seed=1, bits=np.random.PCG64):
    """A training with everything that could be forgotten: generators, running means, schedules."""
    rng = np.random.Generator(bits(seed))
    net = nn.Sequential(
        nn.Linear(3, 8, rng=rng), nn.BatchNorm1d(8), nn.Tanh(),
        nn.Dropout(0.3, rng=np.random.Generator(bits(seed + 1))), nn.Linear(8, 1, rng=rng),
    )  # fmt: skip
    optimiser = OPTIMISERS[kind](net.parameters())
    schedules = [
        optim.StepLR(optimiser, 3, 0.9),
        optim.ReduceLROnPlateau(optimiser, patience=1),
    ]
    return {"net": net, "optimiser": optimiser, "schedules": schedules, "rng": rng, "epoch": 0}


def train(run, epochs):
    for _ in range(epochs):
        for x, y in data.batches(X, Y, 7, run["rng"]):
            loss = al.mse(run["net"](x), y)
            run["optimiser"].zero_grad()
            loss.backward()
            run["optimiser"].step()
        run["schedules"][0].step()
        run["schedules"][1].step(loss.item())
        run["epoch"] += 1
    return run


def same(a, b):
    """Whether two states are equal to the last bit."""
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray | np.generic):
        return a.dtype == b.dtype and np.array_equal(a, b)
    return type(a) is type(b) and a == b


def states(run):
    live = {k: v.state_dict() for k, v in run.items() if k in ("net", "optimiser")}
    return live | {
        "schedules": [s.state_dict() for s in run["schedules"]],
        "rng": run["rng"].bit_generator.state,
        "dropout": run["net"][3].rng.bit_generator.state,
    }


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", OPTIMISERS)
def test_resumed_is_uninterrupted_to_the_last_bit(kind, suffix, tmp_path):
    whole = train(start(kind), 6)
    al.save(train(start(kind), 3), tmp_path / f"run{suffix}")
    resumed = start(kind, seed=77)
    resumed["epoch"] = al.load(tmp_path / f"run{suffix}", into=resumed)["epoch"]
    assert resumed["epoch"] == 3
    assert same(states(train(resumed, 3)), states(whole))


@pytest.mark.parametrize("bits", [np.random.MT19937, np.random.Philox, np.random.SFC64])
def test_every_generator_goes_on_where_it_was(bits, tmp_path):
    run = train(start(bits=bits), 1)
    run["rng"].integers(3, dtype=np.int32)  # Half of a word is left over.
    al.save(run, tmp_path / "run.npz")
    twin = start(seed=5, bits=bits)
    al.load(tmp_path / "run.npz", into=twin)
    assert same(states(twin), states(run))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_values_of_every_kind_come_back(suffix, tmp_path):
    state = {
        "none": None, "yes": True, "text": "ü", "large": 2**100, "inf": float("inf"), "x": 0.1,
        "nest": [(1, [2.5]), {}, [], ()], 3: {4: np.float32(0.1)}, "empty": np.zeros((0, 2)),
        "bool": np.array([True, False]), "int": np.arange(3, dtype=np.int8), "0d": np.array(1.5),
        "turned": np.arange(6.0).reshape(2, 3).T, "a": {"b": np.ones(1)}, "a.b": np.zeros(1),
        "big-endian": np.arange(3, dtype=">f8"), "half": np.ones(2, np.float16),
    }  # fmt: skip
    al.save(state, tmp_path / f"x{suffix}")
    back = al.load(tmp_path / f"x{suffix}")
    state["big-endian"] = state["big-endian"].astype("<f8")
    assert same(back, state)


def test_plain_weights_are_files_that_everybody_reads(tmp_path):
    from safetensors.numpy import load_file, save_file

    net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    al.save(net, tmp_path / "a.npz")
    al.save(net.state_dict(), tmp_path / "a.safetensors")
    with np.load(tmp_path / "a.npz") as theirs:
        assert same(dict(theirs), net.state_dict())
    assert same(sorted(load_file(tmp_path / "a.safetensors")), sorted(net.state_dict()))
    np.savez(tmp_path / "b.npz", **net.state_dict())
    np.savez_compressed(tmp_path / "c.npz", **net.state_dict())
    save_file(net.state_dict(), tmp_path / "b.safetensors")
    for name in ("b.npz", "c.npz", "b.safetensors", "a.npz", "a.safetensors"):
        twin = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
        twin.load_state_dict(al.load(tmp_path / name))
        assert same(twin.state_dict(), net.state_dict())


def test_a_tensor_and_part_of_a_file_can_be_loaded(tmp_path):
    w = al.Tensor([1.0, 2.0], requires_grad=True)
    al.save({"w": w, "more": nn.Linear(1, 1)}, tmp_path / "x.npz")
    v = al.Tensor([0.0, 0.0], requires_grad=True)
    al.load(tmp_path / "x.npz", into={"w": v, "steps": 5})
    assert v.tolist() == [1.0, 2.0]


# ------------------------------------------------------------ files that are not to be loaded


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_was_cut_anywhere_is_refused_and_changes_nothing(suffix, tmp_path):
    file = al.save(train(start(), 1), tmp_path / f"run{suffix}")
    whole, run = file.read_bytes(), start()
    before = states(run)
    for length in (*range(0, 60, 7), *np.linspace(60, len(whole) - 1, 25).astype(int)):
        file.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=rf"load: run{suffix} "):
            al.load(file, into=run)
        assert same(states(run), before)


def test_bfloat16_is_read_as_the_float32_that_it_is_the_upper_half_of(tmp_path):
    whole = np.array([[1.5, -0.0, np.inf], [2.0**-130, np.nan, 3.0]], np.float32)
    halves = (whole.view("<u4") >> 16).astype("<u2").tobytes()
    said = {
        "other": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]},
        "half": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [8, 20]},
        "none": {"dtype": "BF16", "shape": [0, 4], "data_offsets": [20, 20]},
    }
    header = json.dumps(said).encode()
    content = len(header).to_bytes(8, "little") + header + np.array(0.1).tobytes() + halves
    (tmp_path / "x.safetensors").write_bytes(content)
    got = al.load(tmp_path / "x.safetensors")
    assert got["half"].dtype == got["none"].dtype == np.float32
    np.testing.assert_array_equal(got["half"].view(np.uint32), whole.view(np.uint32))
    assert got["none"].shape == (0, 4)
    assert got["other"].tolist() == [0.1]


def test_a_flipped_bit_is_noticed(tmp_path):
    file = al.save({"x": np.arange(1000.0)}, tmp_path / "x.npz")
    whole = bytearray(file.read_bytes())
    whole[4000] ^= 1
    file.write_bytes(whole)
    with pytest.raises(ValueError, match=r"not a complete \.npz file: Bad CRC-32"):
        al.load(file)


@pytest.mark.parametrize("dtype", [">f8", "i2", "?"])
def test_a_flipped_bit_of_safetensors_is_noticed(dtype, tmp_path):
    state = {"x": np.arange(24).reshape(4, 6).T.astype(dtype), "n": np.zeros(0)}
    file = al.save(state, tmp_path / "x.safetensors")
    np.testing.assert_array_equal(al.load(file)["x"], state["x"])
    whole = file.read_bytes()
    data = 8 + int.from_bytes(whole[:8], "little")
    header = [whole.index(part) for part in (b"[6,4]", b'"x"')]
    for at in (*(i + 1 for i in header), *range(data, len(whole))):
        wrong = bytearray(whole)
        wrong[at] ^= 1
        file.write_bytes(wrong)
        with pytest.raises(ValueError, match=r"load: x\.safetensors is "):
            al.load(file)


class Evil:
    def __reduce__(self):
        return (sys.exit, ("it was run",))


def test_a_file_from_a_stranger_runs_no_code(tmp_path):
    (tmp_path / "a.npz").write_bytes(pickle.dumps(Evil()))
    np.savez(tmp_path / "b.npz", x=np.array([Evil()], dtype=object))
    (tmp_path / "c.safetensors").write_bytes(pickle.dumps(Evil()))
    np.savez(tmp_path / "d.npz", x=np.array(["words"]))
    for name in ("a.npz", "b.npz", "c.safetensors", "d.npz"):
        with pytest.raises(ValueError, match=f"load: {name} "):
            al.load(tmp_path / name)


@pytest.mark.parametrize(
    "said",
    [
        "[", "1", "{}", '{"format": 99, "state": null, "generators": null}',
        '{"format": 1, "state": {"array": "nowhere"}, "generators": {"dict": []}}',
        '{"format": 1, "state": {"code": "x"}, "generators": {"dict": []}}',
        '{"format": 1, "state": {"dict": 3}, "generators": {"dict": []}}',
        "[" * 100_000,
    ],
)  # fmt: skip
def test_what_a_file_says_of_itself_is_not_believed(said, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("autograd_lite.json", said)
    with pytest.raises(ValueError, match=r"load: x\.npz "):
        al.load(tmp_path / "x.npz")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run: run | {"net": nn.Linear(3, 1)}, r"net: load_state_dict: .*missing: weight"),
        (
            lambda run: run | {"rng": np.random.Generator(np.random.SFC64())},
            "SFC64, and got P",
        ),
        (lambda run: run | {"extra": nn.Linear(1, 1)}, "there is no extra in it"),
        (
            lambda run: run | {"optimiser": optim.SGD(run["net"].parameters(), 0.1)},
            "optimiser: load_state_dict: ",
        ),
        (lambda run: run | {"epoch": al.Tensor([1.0, 2.0])}, r"epoch needs shape \(2,\), got \(\)"),
    ],
)
def test_what_does_not_fit_changes_nothing(change, message, tmp_path):
    file = al.save(train(start(), 1), tmp_path / "run.npz")
    run = start()
    before = states(run)
    with pytest.raises(ValueError, match=rf"(?s)npz does not fit, and nothing is ch.*{message}"):
        al.load(file, into=change(run))
    assert same(states(run), before)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda d: al.save(1, d / "x.pt"), ValueError, r"\.npz or \.safetensors, got 'x\.pt'"),
        (lambda d: al.save("x.npz", {}), TypeError, r"Write|first, and then the path"),
        (lambda d: al.save(1, {}), TypeError, r"save needs a path, got dict"),
        (lambda d: al.save({"f": [print]}, d / "x.npz"), TypeError, r"save: f\.0 is a builtin_fu"),
        (lambda d: al.save({(1, 2): 3}, d / "x.npz"), TypeError, r"the key \(1, 2\); keys must be"),
        (
            lambda d: al.save({"w": np.array(["a"])}, d / "x.npz"),
            TypeError,
            "w is an array of d",
        ),
        (lambda d: al.load(d / "no.npz"), FileNotFoundError, "there is no file"),
    ],
)
def test_what_cannot_be_saved_or_found_is_said(call, error, message, tmp_path):
    with pytest.raises(error, match=message):
        call(tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_safetensors_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'autograd_lite\[io\]'; or use"):
        al.save(nn.Linear(1, 1), tmp_path / "x.safetensors")


def test_a_file_is_replaced_only_by_a_complete_one(tmp_path, monkeypatch):
    file = al.save({"x": 1}, tmp_path / "x.npz")
    before = file.read_bytes()

    def full(*args, **kwargs):
        raise OSError("no space left")

    monkeypatch.setattr(np.lib.format, "write_array", full)
    with pytest.raises(OSError, match="no space"):
        al.save({"x": np.ones(3)}, file)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_what_is_written_is_json_that_names_its_format(tmp_path):
    al.save({"x": np.ones(2), "n": 1}, tmp_path / "x.npz")
    with zipfile.ZipFile(tmp_path / "x.npz") as archive:
        said = json.loads(archive.read("autograd_lite.json"))
    assert said["format"] == 1
    assert said["state"] == {"dict": [["x", {"array": "x"}], ["n", 1]]}


def test_what_contains_itself_is_refused_and_no_file_is_written(tmp_path):
    around = []
    around.append(around)
    with pytest.raises(ValueError, match=r"more than 100 levels deep"):
        al.save({"a": around}, tmp_path / "state.npz")
    assert not list(tmp_path.iterdir())


def test_a_zip_file_of_other_things_is_refused(tmp_path):
    file = tmp_path / "model.npz"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    with pytest.raises(ValueError, match=r"something else than arrays.*it contains archive/data"):
        al.load(file)
