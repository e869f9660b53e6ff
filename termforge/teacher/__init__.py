"""Teachers: the protocol, and any model that litellm reaches. litellm is loaded when a model is first needed."""

from termforge.teacher.chat import ChatMessage, Reply, Teacher
from termforge.teacher.config import TeacherConfig
from termforge.teacher.service import LitellmTeacher

__all__ = ["ChatMessage", "LitellmTeacher", "Reply", "Teacher", "TeacherConfig"]
