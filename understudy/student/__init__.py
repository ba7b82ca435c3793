"""Learns: documents and soft targets in, probabilities in codebook order out. Judges nothing, chooses no threshold."""

from understudy.student.auto import AutoStudent
from understudy.student.base import Step, Student
from understudy.student.encoder import EncoderStudent
from understudy.student.linear import LinearStudent
from understudy.student.registry import STUDENTS, load_student, make_student
from understudy.student.tfidf import TfidfStudent

__all__ = [
    "STUDENTS",
    "AutoStudent",
    "EncoderStudent",
    "LinearStudent",
    "Step",
    "Student",
    "TfidfStudent",
    "load_student",
    "make_student",
]
