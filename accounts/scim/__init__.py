"""SCIM 2.0 (RFC 7643, RFC 7644): a tenant's directory keeps its people and groups here in step.

A User is a membership, a Group is a group. The directory says who is in and in which groups; what a
role may do is never its to say.
"""
