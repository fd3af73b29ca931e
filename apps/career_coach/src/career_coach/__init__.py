"""Résumé in, interview questions and a learning path out."""
