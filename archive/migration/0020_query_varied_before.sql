-- +goose Up
-- Studies that were there before study.varies are looked through, one after another.
insert into prepare_due (kind, id, site_id, at_ms) select 'varies', id, site_id, 0 from study where instance_count > 1 and not varies;

-- +goose Down
delete from prepare_due where kind = 'varies';
