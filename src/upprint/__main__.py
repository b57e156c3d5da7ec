"""python -m upprint"""

from upprint.cli import main

main()
