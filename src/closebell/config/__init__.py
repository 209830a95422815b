"""Every setting of Closebell, and where its value comes from."""

from __future__ import annotations

from closebell.config.checks import VARIABLE_PREFIX, variable_of
from closebell.config.settings import Settings
from closebell.config.sources import (
    CONFIG_FILE,
    CONFIG_VARIABLE,
    SettingReference,
    check_variables,
    read_file,
    setting_names,
    settings_reference,
)

__all__ = [
    "CONFIG_FILE",
    "CONFIG_VARIABLE",
    "VARIABLE_PREFIX",
    "SettingReference",
    "Settings",
    "check_variables",
    "read_file",
    "setting_names",
    "settings_reference",
    "variable_of",
]
