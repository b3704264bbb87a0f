"""Whole stories: kills, restarts, full disks, and folders that change hands."""
