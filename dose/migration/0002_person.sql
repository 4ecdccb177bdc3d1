-- +goose Up
-- Whom a study is about, as the archive names the person; '' if its reports name nobody.
alter table dose_study add column person text not null default '';
create index dose_study_person on dose_study (site_id, person) where person <> '';
-- The reports say it: every study is derived anew.
insert into dose_pending (site_id, study_uid, ticket) select site_id, study_uid, '0' from dose_study where true
	on conflict (site_id, study_uid) do nothing;

-- +goose Down
drop index dose_study_person;
alter table dose_study drop column person;
