"""YAML without its traps: safe, keys once, and one sentence for what it is not."""

from pathlib import Path
from typing import Any

import yaml

from semantic_ids.errors import ConfigError

__all__ = ["parse_yaml", "read_yaml"]

# what PyYAML's own constructors raise: for `!!int ""`, for lists in lists without end, and so on
_NO_VALUE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


class _Loader(yaml.SafeLoader):
    """A key given twice is an error, not the last one's value; what is no date is text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                problem = f"the key {key.value!r} stands twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_yaml_timestamp(self, node: yaml.ScalarNode) -> Any:
        try:
            return super().construct_yaml_timestamp(node)
        except (ValueError, AttributeError):  # 2011-13-45; `!!timestamp x`
            return self.construct_scalar(node)


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_yaml_timestamp)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a file of `key: value` lines.

    Raises
    ------
    ConfigError
        If it cannot be read, is no YAML, or holds something else.
    """
    try:
        values = parse_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"config: there is no file {str(path)!r}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"config: {str(path)!r} must be text in UTF-8") from None
    except OSError as error:
        raise ConfigError(f"config: {str(path)!r} cannot be read: {error.strerror}") from None
    except ConfigError as error:
        raise ConfigError(f"config: {str(path)!r} {error}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        kind = type(values).__name__
        raise ConfigError(f"config: {str(path)!r} must hold key: value lines, got a {kind}")
    return values


def parse_yaml(text: str) -> Any:
    """Give what a text in YAML says.

    Raises
    ------
    ConfigError
        The end of a sentence that begins with where it stands: "is not valid YAML ...".
    """
    try:
        return yaml.load(text, _Loader)  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        where = f" at line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"is not valid YAML{where}: {error.problem}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"is not valid YAML: {str(error).splitlines()[0]}") from None
    except _NO_VALUE:
        raise ConfigError(
            "is not valid YAML: a value is not of its tag's type, too long, or nested too deep"
        ) from None
