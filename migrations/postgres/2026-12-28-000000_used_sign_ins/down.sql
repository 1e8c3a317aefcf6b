DROP TABLE used_sign_ins;
