"""Training steps timed against hand-written NumPy and against peers: ``python -m benchmarks``.

A workload (`workloads`) is one training step and its data. A contestant (`contestants`) is a
module with one function for each workload that it can express, under the workload's name; it
works (`player`) in a process of its own (`worker`). Everybody must change the parameters as the
hand-written step does before anything is timed (`timing`); the results are compared with our
targets (`targets`) and written as a table, Markdown or JSON (`report`). What the import itself
costs is measured apart (`imports`).
"""
