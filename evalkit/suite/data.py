"""A suite's rows: checked once in one pass, then read one by one from where they lie.

A JSONL file stays on disk and only the offsets of its lines are kept, so memory does not grow
with the texts; csv, json, parquet and hub data sets are written once to a temporary JSONL file
and read the same way. It does not know prompts, models or graders beyond a check that is handed
in.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tempfile
from array import array
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import msgspec

from evalkit.core.documents import show
from evalkit.core.errors import ConfigError
from evalkit.core.policy import SENSITIVITIES
from evalkit.core.records import Record, Sample, canonical_json, fingerprint

HubName = dict[str, Any]
SampleCheck = Callable[[Sample], str | None]


class DataSpec(Record, frozen=True, kw_only=True):
    """The `data:` part of suite.yaml: where rows lie and what their columns mean.

    Attributes:
        path: The file of scored rows, or None where `hub` names a data set.
        where: Keep only rows whose column has one of these values.
        train_where: The same for training rows; without `train` they come from `path`.
    """

    path: Path | None = None
    hub: HubName | None = None
    train: Path | None = None
    train_hub: HubName | None = None
    id: str | None = None
    target: str | None = None
    cluster: str | None = None
    slices: tuple[str, ...] = ()
    critical: str | None = None
    where: dict[str, tuple[Any, ...]] = {}
    train_where: dict[str, tuple[Any, ...]] = {}


class Table:
    """Rows on disk with the offset of each; rows are read by number, in any order."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.file = file
        self.name = name
        self.offsets = array("Q")
        self.lines = array("L")
        self.digest = hashlib.sha256()

    def __len__(self) -> int:
        return len(self.offsets)

    def row(self, number: int) -> dict[str, Any]:
        """Return one row by its 0-based number."""
        self.file.seek(self.offsets[number])
        return _decode_line(self.file.readline(), self.name, self.lines[number])

    def scan(self) -> Iterator[tuple[int, int, dict[str, Any]]]:
        """Read all rows in order as (offset, line, row), hashing the content."""
        self.file.seek(0)
        offset = 0
        for line, raw in enumerate(self.file, start=1):
            self.digest.update(raw)
            if raw.strip():
                yield offset, line, _decode_line(raw, self.name, line)
            offset += len(raw)

    def keep(self, offset: int, line: int) -> None:
        """Remember one row."""
        self.offsets.append(offset)
        self.lines.append(line)


class Samples:
    """The scored samples of a suite, indexed once, read lazily.

    Args:
        spec: What the columns mean.
        table: The rows.
        check: Says why a sample can never be graded or rendered, else None.
    """

    def __init__(self, spec: DataSpec, table: Table, check: SampleCheck | None = None) -> None:
        self.spec = spec
        self.table = table
        self._index(check)

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, number: int) -> Sample:
        return make_sample(self.table.row(number), self.spec, self.table.lines[number])

    def __iter__(self) -> Iterator[Sample]:
        return (self[number] for number in range(len(self)))

    @property
    def sha256(self) -> str:
        """Hash of the rows' bytes."""
        return self.table.digest.hexdigest()

    def _index(self, check: SampleCheck | None) -> None:
        """One pass: types, required columns, repeated ids; problems are shown three at a time."""
        problems: list[str] = []
        hashes = array("Q")
        for offset, line, row in self.table.scan():
            if not _kept(row, self.spec.where):
                continue
            try:
                sample = make_sample(row, self.spec, line)
                problem = check(sample) if check else None
            except ConfigError as error:
                problem = str(error)
            else:
                hashes.append(hash64(sample.id))
            if problem:
                problems.append(f"{self.table.name}:{line}: {problem}")
                if len(problems) > 100:
                    break
            self.table.keep(offset, line)
        problems = problems or self._repeated(hashes)
        if problems:
            raise ConfigError(problems)
        if not len(self):
            raise ConfigError(f"{self.table.name}: it holds no samples; at least one is needed")

    def _repeated(self, hashes: array[int]) -> list[str]:
        """Find repeated ids without holding the ids: equal hashes are looked up again."""
        ordered = sorted(hashes)
        if all(a != b for a, b in pairwise(ordered)):
            return []
        first: dict[int, int] = {}
        problems = []
        for number, value in enumerate(hashes):
            if value in first and self[number].id == self[first[value]].id:
                lines = self.table.lines
                problems.append(
                    f"{self.table.name}:{lines[number]}: id {show(self[number].id)} is already "
                    f"used in line {lines[first[value]]}; ids must be unique"
                )
            first.setdefault(value, number)
        return problems


def make_sample(row: Mapping[str, Any], spec: DataSpec, line: int) -> Sample:
    """Turn a row into a sample.

    Raises:
        ConfigError: If a column that suite.yaml names is missing or of the wrong type.
    """
    for column in (spec.id, spec.cluster, spec.critical, *spec.slices):
        if column is not None and column not in row:
            raise ConfigError(f"column {column!r} is missing; the row has {_names(row)}")
    if spec.target is not None and spec.target not in row:
        raise ConfigError(f"target column {spec.target!r} is missing; the row has {_names(row)}")
    columns = {k: v for k, v in row.items() if k != spec.target}
    return Sample(
        id=_identity(row, spec, columns),
        columns=columns,
        target=row.get(spec.target) if spec.target else None,
        has_target=spec.target is not None,
        cluster=None if spec.cluster is None else _text(row[spec.cluster]),
        slices={name: _text(row[name]) for name in spec.slices},
        critical=_flag(row[spec.critical], spec.critical) if spec.critical else False,
        sensitivity=_sensitivity(row.get("sensitivity")),
        require=_require(row.get("require")),
        line=line,
    )


def open_table(path: Path) -> Table:
    """Open a data file by its ending: jsonl, json, csv, tsv or parquet.

    Raises:
        ConfigError: If it is missing, of an unknown kind, or cannot be read.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: no such data file")
    ending = path.suffix.lower()
    if ending in (".jsonl", ".ndjson"):
        return Table(path.open("rb"), str(path))
    readers = {".csv": _read_csv, ".tsv": _read_csv, ".json": _read_json, ".parquet": _read_parquet}
    if ending not in readers:
        raise ConfigError(
            f"{path}: unknown kind of data file {ending!r}; "
            "allowed: .jsonl, .json, .csv, .tsv, .parquet"
        )
    return _spool(readers[ending](path), str(path))


def open_hub(hub: HubName, where: str) -> Table:
    """Read a data set of the Hugging Face hub through `datasets`.

    Raises:
        ConfigError: If it cannot be fetched or has no such split.
    """
    import datasets  # 0.7 s: only where a suite names the hub

    name = f"{hub['name']}[{hub.get('split') or 'test'}]"
    try:
        rows = datasets.load_dataset(
            hub["name"], hub.get("config"), split=hub.get("split") or "test",
            revision=hub.get("revision"),
        )  # fmt: skip
    except (OSError, ValueError, ConnectionError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(
            f"{where}: hub data set {name} cannot be fetched: {reason}; "
            "a local copy can be named with --set data.path=FILE"
        ) from None
    features = rows.features
    return _spool((_named_labels(row, features) for row in rows), name)


def read_samples(
    table: Table, spec: DataSpec, where: dict[str, tuple[Any, ...]]
) -> tuple[Sample, ...]:
    """Read all rows of a small table (training rows, examples) as samples.

    Raises:
        ConfigError: With file and line of each bad row.
    """
    samples = []
    problems = []
    loose = msgspec.structs.replace(spec, cluster=None, slices=(), critical=None)
    for _, line, row in table.scan():
        if not _kept(row, where):
            continue
        try:
            named = (
                loose
                if spec.id is None or spec.id in row
                else msgspec.structs.replace(loose, id=None)
            )
            samples.append(make_sample(row, named, line))
        except ConfigError as error:
            problems.append(f"{table.name}:{line}: {error}")
    if problems:
        raise ConfigError(problems)
    return tuple(samples)


def hash64(text: str) -> int:
    """Return a 64-bit hash of a text, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _decode_line(raw: bytes, name: str, line: int) -> dict[str, Any]:
    try:
        row = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{name}:{line}: {_line_problem(raw, error)}") from None
    if not isinstance(row, dict):
        raise ConfigError(f"{name}:{line}: a row must be a JSON object, got {show(row)}")
    return row


def _line_problem(raw: bytes, error: Exception) -> str:
    if b"\0" in raw:
        return "it is binary data, not JSON"
    try:
        raw.decode()
    except UnicodeDecodeError as bad:
        return f"the line is not UTF-8 (byte 0x{raw[bad.start]:02x} at column {bad.start + 1})"
    return f"the line is not JSON: {error}"


def _kept(row: Mapping[str, Any], where: Mapping[str, tuple[Any, ...]]) -> bool:
    return all(row.get(column) in allowed for column, allowed in where.items())


def _identity(row: Mapping[str, Any], spec: DataSpec, columns: Mapping[str, Any]) -> str:
    if spec.id is None:
        return fingerprint(columns)[:16]
    value = row[spec.id]
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ConfigError(f"id {spec.id!r} must be a text or a whole number, got {show(value)}")


def _text(value: object) -> str:
    return value if isinstance(value, str) else canonical_json(value).decode()


def _flag(value: object, column: str) -> bool:
    if isinstance(value, bool):
        return value
    if value is None or value == "":
        return False
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    flag = words.get(str(value).lower())
    if flag is None:
        raise ConfigError(f"column {column!r} must be true or false, got {show(value)}")
    return flag


def _sensitivity(value: object) -> str | None:
    if value is None or value == "":
        return None
    if value not in SENSITIVITIES:
        allowed = ", ".join(SENSITIVITIES)
        raise ConfigError(f"column 'sensitivity' got {show(value)}; allowed: {allowed}")
    return str(value)


def _require(value: object) -> dict[str, Any] | None:
    if value is None or isinstance(value, dict):
        return value
    raise ConfigError(f"column 'require' must be an object, got {show(value)}")


def _names(row: Mapping[str, Any]) -> str:
    return ", ".join(repr(name) for name in list(row)[:12])


def _spool(rows: Iterator[dict[str, Any]], name: str) -> Table:
    """Write rows of any origin to a temporary JSONL file that vanishes with the process."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the table owns it
    for row in rows:
        file.write(msgspec.json.encode(row, enc_hook=str) + b"\n")
    file.flush()
    return Table(file, name)


def _read_csv(path: Path) -> Iterator[dict[str, Any]]:
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"{path}:{line}: it is not UTF-8 (byte 0x{data[error.start]:02x})"
        ) from None
    if "\0" in text:
        raise ConfigError(f"{path}: it is a binary file, not CSV")
    csv.field_size_limit(2**31 - 1)
    delimiter = "\t" if path.suffix == ".tsv" else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    names = next(reader, None)
    if not names or len(set(names)) != len(names):
        raise ConfigError(f"{path}:1: the header must name each column once, got {show(names)}")
    for cells in reader:
        if not cells:
            continue
        if len(cells) != len(names):
            raise ConfigError(
                f"{path}:{reader.line_num}: the row has {len(cells)} cells, the header {len(names)}"
            )
        yield dict(zip(names, cells, strict=True))


def _read_json(path: Path) -> Iterator[dict[str, Any]]:
    try:
        rows = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: it is not JSON: {error}") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigError(f"{path}: it must be a list of objects, got {show(rows)}")
    yield from rows


def _read_parquet(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise ConfigError(f"{path}: it is not Parquet: {str(error).splitlines()[0]}") from None
    with file:
        for batch in file.iter_batches(batch_size=1000):
            yield from batch.to_pylist()


def _named_labels(row: dict[str, Any], features: Mapping[str, Any]) -> dict[str, Any]:
    """Class numbers of a hub data set become their names."""
    named = dict(row)
    for column, feature in features.items():
        if hasattr(feature, "int2str") and isinstance(row[column], int):
            named[column] = feature.int2str(row[column])
    return named
