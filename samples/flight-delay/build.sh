#!/bin/sh
# Rebuild the whole sample: tables, models, cards, answers, references.
# Needs Python 3.11 or newer and a package index. Takes a few minutes.
set -eu
cd "$(dirname "$0")"

python3 -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
.venv/bin/python prepare.py
.venv/bin/python train.py
.venv/bin/python answers.py
.venv/bin/python golden.py
