"""The board's report: figures of one month with commentary, frozen when it is signed off."""
