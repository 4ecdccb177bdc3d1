-- +goose Up
-- Who said first that a study whose time is over may go: where two have to, another one
-- says it again. It goes with the row, and is asked again when rule or day change.
alter table retention_due add column proposed_by text not null default '';
alter table retention_due add column proposed_why text not null default '';
alter table retention_due add column proposed_ms bigint not null default 0;

-- +goose Down
alter table retention_due drop column proposed_ms;
alter table retention_due drop column proposed_why;
alter table retention_due drop column proposed_by;
