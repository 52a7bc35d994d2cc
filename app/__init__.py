"""A learning management service for a children's social work academy."""

__version__ = "0.1.0"
