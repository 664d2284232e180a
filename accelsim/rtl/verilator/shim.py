"""The few C functions through which Python reaches a Verilator model."""

from __future__ import annotations

from collections.abc import Sequence

_SOURCE = """\
#include "{prefix}.h"
#include "verilated.h"
#include <cstdint>
#include <cstring>

struct Model {{ VerilatedContext context; {prefix} top{{&context, "top"}}; }};

extern "C" {{
Model* model_new() {{ Model* m = new Model; m->top.rst = 0; m->top.clk = 0; m->top.eval(); return m; }}
void model_delete(Model* m) {{ m->top.final(); delete m; }}
void model_eval(Model* m) {{ m->top.eval(); }}

// Clock edges until *stop is not 0 after one (never, if stop is null), at most `most`; returns their number.
uint64_t model_run(Model* m, const uint8_t* stop, uint64_t most) {{
  uint64_t edges = 0;
  while (edges < most) {{
    m->top.clk = 1; m->top.eval();
    m->top.clk = 0; m->top.eval();
    ++edges;
    if (stop && *stop) break;
  }}
  return edges;
}}

// `count` lines of `bytes` bytes, one per clock edge, to the addresses 0, 1, ... through a write port.
void model_load(Model* m, uint8_t* enable, void* address, uint64_t address_bytes, void* data,
                const uint8_t* lines, uint64_t bytes, uint64_t count) {{
  *enable = 1;
  for (uint64_t i = 0; i < count; ++i) {{
    std::memcpy(address, &i, address_bytes);
    std::memcpy(data, lines + i * bytes, bytes);
    m->top.clk = 1; m->top.eval();
    m->top.clk = 0; m->top.eval();
  }}
  *enable = 0;
}}

void* model_port(Model* m, int i) {{
  switch (i) {{
{ports}
  }}
  return nullptr;
}}

}}
"""


def shim_source(prefix: str, ports: Sequence[str]) -> str:
    """C++ that gives the addresses of the ports, in this order, and runs the clock ``clk``."""
    # Verilator spells a double underscore of a name in hexadecimal.
    members = [name.replace("__", "___05F") for name in ports]
    cases = [f"    case {i}: return &m->top.{member};" for i, member in enumerate(members)]
    return _SOURCE.format(prefix=prefix, ports="\n".join(cases))
