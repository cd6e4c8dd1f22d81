"""The command line: one file for each command, which asks, calls, shows and exits.

Read `app` first. Shared by commands: `options` (their parameters), `output` (what is printed, and
progress), `connection` (AWS or the sandbox), `loading`, `history` (Git), `execution` (an apply
before people's eyes), `inspecting` and `finding`. Heavy libraries are imported by the command that
needs them, so that `--help` is instant.
"""
