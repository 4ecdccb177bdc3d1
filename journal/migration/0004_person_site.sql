-- +goose Up
-- A person is known by site. Keys that were made before that was so go on standing for
-- what was written under them; the key a site makes afterwards names the one before.
alter table journal_person_key add column older text not null default '';

-- +goose Down
alter table journal_person_key drop column older;
