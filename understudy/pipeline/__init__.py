"""Validate, annotate, train, evaluate: the only room that knows all the others and ties them together."""

from understudy.pipeline.doctor import examine
from understudy.pipeline.listener import Listener, SilentListener
from understudy.pipeline.project import Project
from understudy.pipeline.template import copy_demo_project, create_project

__all__ = ["Listener", "Project", "SilentListener", "copy_demo_project", "create_project", "examine"]
