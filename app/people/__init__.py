"""People, the organisation tree, dated employment, roles held, responsibilities and groups."""
