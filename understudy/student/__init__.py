"""Learns: documents and soft targets in, probabilities in codebook order out. Judges nothing, chooses no threshold."""

from understudy.student.base import Step, Student
from understudy.student.encoder import EncoderStudent
from understudy.student.linear import LinearStudent
from understudy.student.registry import STUDENTS, load_student, make_student

__all__ = ["STUDENTS", "EncoderStudent", "LinearStudent", "Step", "Student", "load_student", "make_student"]
