-- +goose Up

-- What the room that leads a finding calls a step of its history, such as review.justified.
alter table finding_note add column step text not null default '';

-- +goose Down
alter table finding_note drop column step;
