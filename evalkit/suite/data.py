"""A suite's rows: checked once in one pass, then read one by one from where they lie.

A JSONL file stays on disk and only the offsets of its lines are kept, so memory does not grow
with the texts; csv, json, parquet and hub data sets are written once to a temporary JSONL file
and read the same way, with the line or row of each in its source. It does not know prompts,
models or graders beyond a check that is handed in.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tempfile
import weakref
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import msgspec

from evalkit.core.documents import decode_text, show
from evalkit.core.errors import ConfigError
from evalkit.core.policy import SENSITIVITIES, demand_problem
from evalkit.core.records import Record, Sample, canonical_json, fingerprint, hash64
from evalkit.suite.hub import HubName, hub_rows, title

SampleCheck = Callable[[Sample], str | None]
_BOM = b"\xef\xbb\xbf"
_SHOWN_PROBLEMS = 100


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
    """Rows on disk with the offset of each; rows are read by number, in any order.

    Args:
        file: JSON lines; the table closes it.
        name: Where the rows come from.
        origin: For a copy: the line or row in the source of each line, else None.
        counts: What `origin` counts: `line` or `row`.
    """

    def __init__(
        self,
        file: IO[bytes],
        name: str,
        origin: array[int] | None = None,
        counts: str = "line",
    ) -> None:
        self.file = file
        weakref.finalize(self, file.close)
        self.name = name
        self.offsets = array("Q")
        self.lines = array("L")
        self.digest = hashlib.sha256()
        self.origin = origin
        self.counts = counts

    def __len__(self) -> int:
        return len(self.offsets)

    def __del__(self) -> None:
        self.file.close()

    def row(self, number: int) -> dict[str, Any]:
        """Return one row by its 0-based number."""
        self.file.seek(self.offsets[number])
        return self._decoded(self.file.readline(), self.lines[number])

    def scan(self) -> Iterator[tuple[int, int, dict[str, Any]]]:
        """Read all rows in order as (offset, line, row), hashing the content."""
        self.file.seek(0)
        self.digest = hashlib.sha256()
        offset = 0
        for number, raw in enumerate(self.file):
            self.digest.update(raw)
            mark = len(_BOM) if number == 0 and raw.startswith(_BOM) else 0
            if raw[mark:].strip():
                line = number + 1 if self.origin is None else self.origin[number]
                yield offset + mark, line, self._decoded(raw[mark:], line)
            offset += len(raw)

    def place(self, line: int) -> str:
        """Return where a row stands, for messages."""
        return f"{self.name}:{line}" if self.counts == "line" else f"{self.name}: row {line}"

    def _decoded(self, raw: bytes, line: int) -> dict[str, Any]:
        try:
            row = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ConfigError(f"{self.place(line)}: {_line_problem(raw, error)}") from None
        if not isinstance(row, dict):
            raise ConfigError(f"{self.place(line)}: a row must be a JSON object, got {show(row)}")
        return row

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

    Attributes:
        id_hashes: `hash64` of each sample's id, in order.
    """

    def __init__(self, spec: DataSpec, table: Table, check: SampleCheck | None = None) -> None:
        self.spec = spec
        self.table = table
        self.id_hashes = array("Q")
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
        rows = 0
        for offset, line, row in self.table.scan():
            rows += 1
            if not _kept(row, self.spec.where):
                continue
            try:
                sample = make_sample(row, self.spec, line)
                problem = check(sample) if check else None
            except ConfigError as error:
                problem = str(error)
            else:
                self.id_hashes.append(hash64(sample.id))
            if problem:
                problems.append(f"{self.table.place(line)}: {problem}")
                if len(problems) > _SHOWN_PROBLEMS:
                    break
            self.table.keep(offset, line)
        problems = problems or self._repeated(self.id_hashes)
        if problems:
            raise ConfigError(problems)
        if not len(self):
            held = f"`where` keeps none of its {rows} rows" if rows else "it holds no samples"
            raise ConfigError(f"{self.table.name}: {held}; at least one is needed")

    def _repeated(self, hashes: array[int]) -> list[str]:
        """Find repeated ids without holding the ids: equal hashes are looked up again."""
        ordered = sorted(hashes)
        if all(a != b for a, b in pairwise(ordered)):
            return []
        first: dict[int, int] = {}
        problems = []
        for number, value in enumerate(hashes):
            if value in first and self[number].id == self[first[value]].id:
                problems.append(self._repetition(number, first[value]))
            first.setdefault(value, number)
        return problems

    def _repetition(self, number: int, earlier: int) -> str:
        table, lines = self.table, self.table.lines
        place = table.place(lines[number])
        before = f"{table.counts} {lines[earlier]}"
        if self.spec.id is None:
            return f"{place}: it repeats the input of {before}; name an id column in `data.id`"
        shown = show(self[number].id)
        return f"{place}: id {shown} is already used in {before}; ids must be unique"


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
        cluster=None if spec.cluster is None else _cluster(row[spec.cluster]),
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
    readers = {
        ".csv": (_read_csv, "line"),
        ".tsv": (_read_csv, "line"),
        ".json": (_read_json, "row"),
        ".parquet": (_read_parquet, "row"),
    }
    if ending not in readers:
        raise ConfigError(
            f"{path}: unknown kind of data file {ending!r}; "
            "allowed: .jsonl, .json, .csv, .tsv, .parquet"
        )
    read, counts = readers[ending]
    return _spool(read(path), str(path), counts)


def open_hub(hub: HubName, where: str) -> Table:
    """Read a data set of the Hugging Face hub through `datasets`.

    Raises:
        ConfigError: If it cannot be fetched or has no such split.
    """
    return _spool(enumerate(hub_rows(hub, where), start=1), title(hub), "row")


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
            problems.append(f"{table.place(line)}: {error}")
    if problems:
        raise ConfigError(problems)
    return tuple(samples)


def _line_problem(raw: bytes, error: Exception) -> str:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "it is UTF-16 text; save it as UTF-8"
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


def _cluster(value: object) -> str | None:
    """Return a sample's cluster; without one it stands for itself."""
    return None if value is None or value == "" else _text(value)


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
    if value is None or value == "":
        return None
    if isinstance(value, str):  # a csv cell
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise ConfigError(
                f"column 'require' must be a JSON object, got {show(value)}"
            ) from None
    if not isinstance(value, dict):
        raise ConfigError(f"column 'require' must be an object, got {show(value)}")
    problem = demand_problem(value)
    if problem:
        raise ConfigError(f"column 'require': {problem}")
    return value


def _names(row: Mapping[str, Any]) -> str:
    return ", ".join(repr(name) for name in list(row)[:12])


def _spool(rows: Iterable[tuple[int, dict[str, Any]]], name: str, counts: str) -> Table:
    """Write rows of any origin to a temporary JSONL file that vanishes with the process.

    Args:
        rows: Line or row in the source, with the row.
        name: The source.
        counts: Whether those are lines or rows.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the table owns it
    origin = array("L")
    table = Table(file, name, origin, counts)
    for line, row in rows:
        try:
            file.write(msgspec.json.encode(row, enc_hook=str) + b"\n")
        except UnicodeEncodeError:
            raise ConfigError(f"{table.place(line)}: it holds half a character") from None
        origin.append(line)
    file.flush()
    return table


def _read_csv(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    text = decode_text(path.read_bytes(), path)
    csv.field_size_limit(2**31 - 1)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        names = next(reader, None)
        if not names or len(set(names)) != len(names):
            raise ConfigError(f"{path}:1: the header must name each column once, got {show(names)}")
        begin = reader.line_num + 1
        for cells in reader:
            if cells and len(cells) != len(names):
                raise ConfigError(
                    f"{path}:{begin}: the row has {len(cells)} cells, the header {len(names)}"
                )
            if cells:
                yield begin, dict(zip(names, cells, strict=True))
            begin = reader.line_num + 1
    except csv.Error as error:
        raise ConfigError(f"{path}:{reader.line_num}: it is not CSV: {error}") from None


def _read_json(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    text = decode_text(path.read_bytes(), path)
    try:
        rows = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}:{error.lineno}: it is not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: it is not JSON: {error}") from None
    if not isinstance(rows, list):
        raise ConfigError(f"{path}: it must be a list of objects, got {show(rows)}")
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise ConfigError(f"{path}: row {number}: it must be an object, got {show(row)}")
        yield number, row


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _read_parquet(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=1000):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (pyarrow.ArrowException, OSError) as error:
        raise ConfigError(f"{path}: it is not Parquet: {str(error).splitlines()[0]}") from None
