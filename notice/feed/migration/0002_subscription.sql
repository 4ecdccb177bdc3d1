-- +goose Up
-- A webhook that a subscription of FHIR made: it is told of what meets its criteria.
alter table feed_hook add column subject text not null default ''; -- id of the subscription; '' for a webhook of people
alter table feed_hook add column criteria text not null default '';
alter table feed_hook add column payload text not null default ''; -- the content type it wants; '' is none
alter table feed_hook add column until_at bigint not null default 0; -- when it ends; 0: never
create unique index feed_hook_subject on feed_hook (site_id, subject) where subject <> '';

-- +goose Down
drop index feed_hook_subject;
alter table feed_hook drop column until_at;
alter table feed_hook drop column payload;
alter table feed_hook drop column criteria;
alter table feed_hook drop column subject;
