"""What may be done with frameworks: load them, publish and withdraw versions."""

from app.frameworks.operations.standards import load_standards

__all__ = ["load_standards"]
