"""The wire: sending, credentials, quota and retries."""
