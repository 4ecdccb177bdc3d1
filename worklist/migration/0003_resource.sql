-- +goose Up

-- By what other systems search for ServiceRequests; null until the program has looked.
alter table worklist_order add column authored_at bigint not null default 0;
alter table worklist_order add column code_value text;
alter table worklist_order add column code_system text;
update worklist_order set authored_at = created_at;
create index worklist_order_authored on worklist_order (site_id, authored_at, order_id);
create index worklist_order_changed on worklist_order (site_id, changed_at, order_id);
create index worklist_order_code on worklist_order (site_id, code_value) where code_value <> '';
create index worklist_order_uncoded on worklist_order (order_id) where code_value is null;
create index worklist_study_order on worklist_study (site_id, order_id) where order_id <> '';

-- +goose Down
drop index worklist_study_order;
drop index worklist_order_uncoded;
drop index worklist_order_code;
drop index worklist_order_changed;
drop index worklist_order_authored;
alter table worklist_order drop column code_system;
alter table worklist_order drop column code_value;
alter table worklist_order drop column authored_at;
