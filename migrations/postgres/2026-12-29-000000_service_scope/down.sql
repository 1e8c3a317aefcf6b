-- Such a token may do less than before.
UPDATE api_tokens SET scope = 'write' WHERE scope = 'service';
ALTER TABLE api_tokens DROP CONSTRAINT api_tokens_scope_check;
ALTER TABLE api_tokens ADD CONSTRAINT api_tokens_scope_check CHECK (scope IN ('read', 'write', 'admin'));
