"""What this program does on GitHub: comments, labels, issues and artifacts. Knows no AWS.

Texts come in ready; nothing here knows what a plan is.
"""
