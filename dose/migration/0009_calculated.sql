-- +goose Up

-- Values that somebody calculated: there are few, and medians that hold them say so.
create index dose_amount_calculated on dose_amount (site_id, day) where method in ('tube_output', 'table_value');

-- +goose Down
drop index dose_amount_calculated;
