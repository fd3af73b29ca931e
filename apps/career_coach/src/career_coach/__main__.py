"""`python -m career_coach`."""

from career_coach.cli import main

main()
