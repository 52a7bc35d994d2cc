"""Single sign-on by OpenID Connect: the council's identity provider says who somebody is, and the Academy what they may do."""
