"""Nothing to predict."""

from __future__ import annotations

from core.experiments.question import Question

QUESTIONS: tuple[Question, ...] = ()
