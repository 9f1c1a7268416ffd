-- That an incident was amended, and what came of it. `closing` names nobody.
ALTER TABLE incident ADD COLUMN amended_at_s REAL;
ALTER TABLE incident ADD COLUMN amended_by TEXT;
ALTER TABLE incident ADD COLUMN closed_at_s REAL;
ALTER TABLE incident ADD COLUMN closed_by TEXT;
ALTER TABLE incident ADD COLUMN closing TEXT;
