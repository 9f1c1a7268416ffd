-- What of the log still says whom it is about, oldest first: the long timer looks here.
CREATE INDEX audit_leaf_linked ON audit_leaf (at_s) WHERE salt IS NOT NULL;
