-- +goose Up
-- Studies by when they changed last, as other systems ask for them.
create index study_by_change on study (site_id, updated_at, id);

-- +goose Down
drop index study_by_change;
