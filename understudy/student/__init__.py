"""Learns: documents and soft targets in, probabilities in codebook order out. Judges nothing, chooses no threshold."""

from understudy.student.auto import AutoStudent
from understudy.student.base import Labelled, Step, Student
from understudy.student.contrastive import ContrastiveStudent
from understudy.student.decoder import DecoderStudent
from understudy.student.encoder import EncoderStudent
from understudy.student.linear import LinearStudent
from understudy.student.registry import STUDENTS, load_student, make_student
from understudy.student.static import StaticStudent
from understudy.student.tfidf import TfidfStudent

__all__ = [
    "STUDENTS",
    "AutoStudent",
    "ContrastiveStudent",
    "DecoderStudent",
    "EncoderStudent",
    "Labelled",
    "LinearStudent",
    "StaticStudent",
    "Step",
    "Student",
    "TfidfStudent",
    "load_student",
    "make_student",
]
