"""How much a reader's statement may take, and which settings a reader may choose.

Settings are allowed by name, never by default: some hold expressions (`additional_table_filters`), some name
files (`format_template_row`, `output_format_schema`) or servers, and all that is new would be open.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tillstream.web.wire import Refused

READONLY = 164

# The most a reader's statement gets, and what it gets when it does not ask.
MOST: Mapping[str, int] = {
    "max_execution_time": 120,
    "max_memory_usage": 1_000_000_000,
    "max_temporary_data_on_disk_size_for_query": 4_000_000_000,
    # Larger than any body, for the text is quoted when it is checked.
    "max_query_size": 16 << 20,
}

# Larger results spill to the disk instead of failing; smaller values may be asked for.
SPILLING: Mapping[str, int] = {
    "max_bytes_before_external_group_by": 250_000_000,
    "max_bytes_before_external_sort": 250_000_000,
}

# A result that can't be sent piece by piece is held in memory until it is complete. The engine loses count of
# that memory somewhere above 600 MB, and then a long constant can fill the machine: this limit stays below.
MOST_WHOLE_RESULT = {"max_result_bytes": 256 << 20, "max_memory_usage": 500_000_000}

# What may be asked for in any measure: it makes a statement end earlier, or only look different.
_CHOICES = re.compile(
    r"""
      output_format_(?!schema$)\w+ | date_time_\w+ | join_\w+ | \w+_overflow_mode | use_query_cache | use_skip_indexes
    | max_(?:rows|bytes|columns)_(?:to|in|before)_\w+ | max_(?:result|rows|bytes)_\w+ | max_threads | max_block_size
    | max_ast_\w+ | max_expanded_ast_elements | max_subquery_depth | max_estimated_execution_time
    | preferred_block_size_bytes | optimize_\w+ | query_plan_\w+ | enable_optimize_\w+ | enable_analyzer
    | analyzer_inline_views
    | enable_positional_arguments | enable_order_by_all | group_by_\w+ | distributed_product_mode
    | aggregate_functions_null_for_empty | empty_result_for_aggregation_by_\w+ | extremes | final | limit | offset
    | union_default_mode | intersect_default_mode | except_default_mode | transform_null_in | cast_keep_nullable
    | count_distinct_\w+ | any_join_distinct_right_table_keys | prefer_column_name_to_alias | asterisk_include_\w+
    | format_(?:csv|tsv|custom)_\w+ | format_binary_max_\w+ | bool_(?:true|false)_representation
    | interval_output_format | session_timezone | use_client_time_zone | log_comment | exact_rows_before_limit
    | rows_before_aggregation | short_circuit_\w+ | decimal_check_overflow | compile_\w+ | priority
    | data_type_default_nullable | single_join_prefer_left_table | low_cardinality_\w+ | async_insert
    | show_table_uuid_in_table_create_query_if_not_nil | use_mysql_types_in_show_columns | allow_hyperscan
    """,
    re.VERBOSE,
)

_MOST_THREADS = 64
_LARGEST_BLOCK = 1_000_000
_CEILINGS: Mapping[str, int] = {**MOST, **SPILLING, "max_threads": _MOST_THREADS, "max_block_size": _LARGEST_BLOCK}


def for_reader(asked: Mapping[str, str], *, streams: bool) -> dict[str, str]:
    """The settings of a reader's statement. Raises Refused for one that is not a reader's to choose."""
    ceilings = _CEILINGS if streams else {**_CEILINGS, **MOST_WHOLE_RESULT}
    settings = {name: str(ceilings[name]) for name in (*MOST, *SPILLING, *([] if streams else MOST_WHOLE_RESULT))}
    for name, value in asked.items():
        if name in ceilings:
            _check_measure(name, value, ceilings[name])
        elif not may_choose(name):
            raise Refused(READONLY, f"Cannot modify '{name[:100]}' setting in readonly mode", "READONLY")
        settings[name] = value
    return settings


def may_choose(name: str) -> bool:
    """Whether a reader may give this setting a value; of some, only a lower one."""
    return name in _CEILINGS or name in MOST_WHOLE_RESULT or _CHOICES.fullmatch(name) is not None


def may_choose_in_a_subquery(name: str) -> bool:
    """The same where values are not looked at."""
    return name not in _CEILINGS and name not in MOST_WHOLE_RESULT and may_choose(name)


def _check_measure(name: str, value: str, most: int) -> None:
    # 0 stands for no limit; anything but a plain number might too.
    if not re.fullmatch(r"[0-9]{1,18}", value) or not 1 <= int(value) <= most:
        raise Refused(READONLY, f"Setting '{name}' is for readers between 1 and {most}", "READONLY")
