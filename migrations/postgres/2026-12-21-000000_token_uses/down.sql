ALTER TABLE api_tokens DROP COLUMN last_used_address;
ALTER TABLE api_tokens DROP COLUMN last_used_at;
ALTER TABLE api_tokens DROP COLUMN hint;
