"""Differences with intervals that hold, and a choice by a rule fixed beforehand. No torch, no files."""
