"""The command line: `segue`. `app.py` puts the commands together, one folder or module each."""
