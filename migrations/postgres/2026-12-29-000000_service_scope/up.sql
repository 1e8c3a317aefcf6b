-- Tokens for programs that act for an admin, such as a provisioner, and may do only what they need.
ALTER TABLE api_tokens DROP CONSTRAINT api_tokens_scope_check;
ALTER TABLE api_tokens ADD CONSTRAINT api_tokens_scope_check CHECK (scope IN ('read', 'write', 'service', 'admin'));
