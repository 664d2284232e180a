"""Figures, tables and verdicts made from results."""
