"""SCIM 2.0 (RFC 7643 and 7644): a directory keeps people and teams as it has them. `docs/scim.md` says how to set it up."""
