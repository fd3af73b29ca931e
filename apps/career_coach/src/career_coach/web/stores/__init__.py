"""The stores behind one protocol; `tests/career_coach/web/test_store_contract.py` holds both to it."""
