"""What the peers' scripts share: medians, and the report that zmlx bench reads.

The form is described in docs/benchmarks.md.
"""

import datetime
import json
import os
import platform


def machine():
    """The kind and number of processors."""
    kind = platform.machine()
    try:
        with open("/proc/cpuinfo") as f:
            for line in f:
                if line.startswith("model name"):
                    kind = line.split(":", 1)[1].strip()
                    break
    except OSError:
        pass
    return f"{kind}, {len(os.sched_getaffinity(0))} cores"


def quartiles(values):
    """The quartiles, linear between neighbours."""
    v = sorted(values)

    def at(p):
        x = p * (len(v) - 1)
        i = int(x)
        return v[-1] if i + 1 >= len(v) else v[i] + (x - i) * (v[i + 1] - v[i])

    return at(0.25), at(0.5), at(0.75)


class Report:
    def __init__(self, device, path):
        self.path = path
        self.data = {
            "version": 1,
            "machine": machine(),
            "device": device,
            "time": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "copy_gbps": 0.0,
            "results": [],
            "host": [],
        }

    def add(self, op, shape, dtype, impl, nbytes, samples, copy_gbps):
        q1, median, q3 = quartiles(samples)
        gbps = nbytes / median / 1e9
        self.data["results"].append({
            "op": op, "shape": list(shape), "dtype": dtype, "impl": impl, "bytes": nbytes, "rounds": len(samples),
            "seconds": median, "q1": q1, "q3": q3, "least": min(samples), "gbps": gbps,
            "copy_percent": 100 * gbps / copy_gbps if copy_gbps else 0.0,
        })
        if op == "memcpy":
            self.data["copy_gbps"] = max(self.data["copy_gbps"], gbps)
        name = f"{op}/{'x'.join(map(str, shape))}/{dtype}"
        print(f"{name:40} {impl:14} {median * 1e6:12.1f} us  {gbps:8.1f} GB/s", flush=True)

    def fail(self, op, shape, dtype, impl, error):
        self.data["results"].append({
            "op": op, "shape": list(shape), "dtype": dtype, "impl": impl, "bytes": 0, "rounds": 0,
            "seconds": 0.0, "q1": 0.0, "q3": 0.0, "least": 0.0, "gbps": 0.0, "copy_percent": 0.0, "error": repr(error)[:300],
        })
        print(f"{op} {impl}: {error!r}", flush=True)

    def host(self, name, samples):
        q1, median, q3 = quartiles(samples)
        self.data["host"].append({"name": name, "seconds": median, "q1": q1, "q3": q3})
        print(f"one call, {name}: {median * 1e6:.2f} us", flush=True)

    def write(self):
        with open(self.path, "w") as f:
            json.dump(self.data, f, indent=1)
            f.write("\n")
        print("wrote", self.path)
