-- When the archive was made that a list was restored from, where nobody can say yet who was taken
-- off it since: such a list is compared with no face before a supervisor has confirmed it.
ALTER TABLE watchlist ADD COLUMN restored_from_s REAL;
