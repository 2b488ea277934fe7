"""Explains operations before they run: calls, time, keeping, and what is left without a service."""

from bff.explain.plan import Plan
from bff.explain.planner import Explainer, Question, Unexplainable

__all__ = ["Explainer", "Plan", "Question", "Unexplainable"]
