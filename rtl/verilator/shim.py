"""The few C functions through which Python reaches a Verilator model."""

from __future__ import annotations

from collections.abc import Sequence

_SOURCE = """\
#include "{prefix}.h"
#include "verilated.h"
#include "verilated_syms.h"
#include <cstdint>

struct Model {{ VerilatedContext context; {prefix} top{{&context, "top"}}; }};

extern "C" {{
Model* model_new() {{ Model* m = new Model; m->top.clk = 0; m->top.eval(); return m; }}
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

void* model_port(Model* m, int i) {{
  switch (i) {{
{ports}
  }}
  return nullptr;
}}

static void* memory(const char* scope, const char* name) {{
  const VerilatedScope* found = Verilated::threadContextp()->scopeFind(scope);
  VerilatedVar* variable = found ? found->varFind(name) : nullptr;
  return variable ? variable->datap() : nullptr;
}}

void* model_memory(Model* m, int i) {{
  Verilated::threadContextp(&m->context);
  switch (i) {{
{memories}
  }}
  return nullptr;
}}
}}
"""


def shim_source(prefix: str, top: str, ports: Sequence[str], memories: Sequence[str]) -> str:
    """C++ that gives the addresses of ports and memories, in these orders, and runs the clock ``clk``.

    A memory is named by its path below the top module, ``"unit.part.name"``.
    """
    # Verilator spells a double underscore of a name in hexadecimal.
    members = [name.replace("__", "___05F") for name in ports]
    port_cases = [f"    case {i}: return &m->top.{member};" for i, member in enumerate(members)]
    memory_cases = []
    for i, path in enumerate(memories):
        scope, _, name = f"{top}.{path}".rpartition(".")
        memory_cases.append(f'    case {i}: return memory("top.{scope}", "{name}");')
    return _SOURCE.format(prefix=prefix, ports="\n".join(port_cases), memories="\n".join(memory_cases))
