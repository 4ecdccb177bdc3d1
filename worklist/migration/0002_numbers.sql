-- +goose Up

-- Orders are looked for by accession number also when they are cancelled.
create index worklist_order_accession on worklist_order (site_id, accession) where accession <> '';

-- +goose Down
drop index worklist_order_accession;
