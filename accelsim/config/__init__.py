"""YAML into validated, frozen objects: machines and technologies."""

from accelsim.config.machine import Machine, load_machine, machine_from_yaml
from accelsim.config.technology import Technology, load_technology

__all__ = ["Machine", "Technology", "load_machine", "load_technology", "machine_from_yaml"]
