-- +goose Up
-- What the clock said when run_at was set. A job whose run_at is no later is due,
-- whatever the clock says now.
alter table job add column set_at bigint not null default 0;
update job set set_at = created_at;

-- +goose Down
alter table job drop column set_at;
