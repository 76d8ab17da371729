"""Connections, answers, credentials and the local quota, in a hostile neighbourhood."""
