"""The wire contract of API v1"""
