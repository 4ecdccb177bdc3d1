-- +goose Up

-- Distributions of exposure indices ask by what an amount of an event is of.
create index dose_event_amount_quantity on dose_event_amount (site_id, quantity, study_uid);
-- Every study is derived anew: events tell of target exposure index and of repeats.
insert into dose_pending (site_id, study_uid, ticket) select site_id, study_uid, '0' from dose_study where true
	on conflict (site_id, study_uid) do nothing;

-- +goose Down
drop index dose_event_amount_quantity;
