"""What is decided, without touching anything: no library, no I/O, the same answer every time.

    Declared + live State --resolution--> desired State --planner--> Plan --guards--> verdicts

In comes what the YAML declares (`declared`) and what is live (`state`); out goes a plan (`plan`),
who gains and loses access by it (`access`), and what the guards say. Read `state`, `plan` and
`planner` first, then `flattening` (groups in groups to plain lists), `resolution`, `scope` and
`comparison`; `review` and `readback` are about
plans that were saved and writes that may have happened.
"""
