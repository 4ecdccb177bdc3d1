-- +goose Up

-- Events are kept packed, in an eighth of the room: see dose/packed.go.
alter table dose_event drop column body;
alter table dose_event add column packed bytea not null default '';
-- Examinations are listed from the latest on.
create index dose_examination_latest on dose_examination (site_id, day desc, started desc, study_uid, examination);
-- Every study is derived anew.
insert into dose_pending (site_id, study_uid, ticket) select site_id, study_uid, '0' from dose_study where true
	on conflict (site_id, study_uid) do nothing;

-- +goose Down
drop index dose_examination_latest;
alter table dose_event drop column packed;
alter table dose_event add column body text not null default '';
