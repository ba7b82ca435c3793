"""A student at work over files; does not train one and does not judge one."""

from understudy.scoring.files import Scorer, ScoreSummary, score_file

__all__ = ["ScoreSummary", "Scorer", "score_file"]
