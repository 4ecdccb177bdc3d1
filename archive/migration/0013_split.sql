-- +goose Up
-- The study that a series has of its own since it was found to be of another patient
-- than the rest of its study.
alter table correction add column new_study text not null default ''; -- '' : it stays in its study
create index correction_by_new_study on correction (site_id, new_study) where new_study <> '';

-- +goose Down
drop index correction_by_new_study;
alter table correction drop column new_study;
