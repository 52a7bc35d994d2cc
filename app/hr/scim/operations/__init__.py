"""What a directory changes: users, who are people, and groups, which are teams."""
