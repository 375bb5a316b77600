"""What is looked at before any word of a file can be read: kind, programs inside, known malware.

`files.scan_file` is the way in. `inspection` runs in the sandbox and so imports neither Django nor this
process's settings.
"""
