-- +goose Up
create index worklist_performed_accession on worklist_performed (site_id, accession) where accession <> '';
create index worklist_order_procedure on worklist_order (site_id, procedure_id) where procedure_id <> '';

-- +goose Down
drop index worklist_order_procedure;
drop index worklist_performed_accession;
