-- +goose Up
-- Which rules of the content govern at a site; none does until somebody says so.
create table retention_rule (
	site_id text not null,
	rule text not null, -- of the content
	years bigint not null, -- at least so many, if the rule says fewer; 0 for as it says
	reason text not null,
	actor text not null,
	at_ms bigint not null,
	primary key (site_id, rule)
);
create index retention_due_by_day on retention_due (site_id, until_day, study_uid);

-- +goose Down
drop index retention_due_by_day;
drop table retention_rule;
