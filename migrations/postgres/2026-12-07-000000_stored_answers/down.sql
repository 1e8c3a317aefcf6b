DROP TABLE stored_answers;
