"""What a run does, whoever asks for it: survey, plan, save, apply, keep a journal.

In comes what is declared and a gateway; out go plans, their documents, and results one by one.
Nothing here prints: what there is to tell on the way goes to a `Listener`, which the command line
implements. Read `planning` first, then `survey` (what is read for a plan), `applier` and `saved`.
"""
