"""Which genre a request asks for, or a text is of; which language it is in."""
